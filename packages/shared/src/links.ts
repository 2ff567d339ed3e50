/** Where to look further: what alerts and messages point at. */
import { z } from 'zod';

const linkSchema = z.strictObject({
  title: z.string().min(1).max(200),
  /** A URL, or a path of the HTTP API. */
  href: z.string().min(1).max(2_000),
});
/** As links are kept: what is stored is read, whatever it leads to. */
export const linksSchema = z.array(linkSchema).max(16);
export type Link = z.infer<typeof linkSchema>;

/** As links are given: somebody will follow them who trusts whoever shows them. */
export const givenLinksSchema = z
  .array(
    linkSchema.extend({
      href: linkSchema.shape.href.refine(
        isFollowable,
        'must be an address that begins with https:// or http://, or a path of the API such as /v1/tasks/…',
      ),
    }),
  )
  .max(16);

function isFollowable(href: string): boolean {
  if (href.startsWith('/'))
    return /^\/v1\/[\w~!$&'()*+,;=:@%./?#-]*$/.test(href) && !href.split(/[/?#]/).includes('..');
  if (!/^https?:\/\/\S+$/i.test(href) || !URL.canParse(href)) return false;
  // A name before the host is there to be taken for the host.
  const { username, password } = new URL(href);
  return username === '' && password === '';
}
