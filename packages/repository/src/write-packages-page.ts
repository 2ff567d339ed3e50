/** `pnpm run packages`: writes `docs/packages.md`. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packagesPage } from './packages-page.ts';
import { readPackages, repositoryRoot } from './workspace.ts';

writeFileSync(join(repositoryRoot, 'docs/packages.md'), packagesPage(readPackages()));
