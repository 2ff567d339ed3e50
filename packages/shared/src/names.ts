/** Names that people give: of pools, images, stages, secrets, templates and named VMs. */
import { z } from 'zod';
import { nameForm, namePattern } from './ids.ts';

export const nameSchema = z.string().regex(namePattern, `must be ${nameForm}`);
