import { fileURLToPath } from 'node:url';

/** The recipes that come with the repository. */
export const recipesFolder = fileURLToPath(new URL('../../../../images', import.meta.url));
