/** `pnpm run openapi`: writes `docs/openapi.json`, which a test of intake compares with what is served. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describedApi } from '@vm-task/intake/openapi';
import { repositoryRoot } from './workspace.ts';

writeFileSync(join(repositoryRoot, 'docs/openapi.json'), `${JSON.stringify(await describedApi(), null, 2)}\n`);
