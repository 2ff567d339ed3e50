/** Where to look further: what alerts and messages point at. */
import { z } from 'zod';

const linkSchema = z.strictObject({
  title: z.string().min(1).max(200),
  /** A URL, or a path of the HTTP API. */
  href: z.string().min(1).max(2_000),
});
export const linksSchema = z.array(linkSchema).max(16);
export type Link = z.infer<typeof linkSchema>;
