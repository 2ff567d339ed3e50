/** Systems on other machines: logged in to, listed, chosen, forgotten. */
import type { LoginOptions } from '../commands/login.ts';
import type { Define } from './define.ts';

const contexts = () => import('../commands/login.ts');

export function loginCommand(define: Define): void {
  define(
    'login <url>',
    'send commands to a system on another machine; the token comes from stdin',
    async (context, [url = ''], options) => (await contexts()).login(context, url, options as LoginOptions),
  )
    .option(
      '--ca <file>',
      "the certificate that the system's own has to lead to: that of its http.tls, or its authority's",
    )
    .option('--name <name>', 'what it is called in `context` (default: its host)');
}

export function contextCommands(define: Define): void {
  define('list', 'systems that were logged in to, and the one in use', async (context) =>
    (await contexts()).listContexts(context),
  );
  define('use <name>', 'send commands there; `local` is the home of this machine', async (context, [name = '']) =>
    (await contexts()).useContext(context, name),
  );
  define('rm <name>', 'forget a system and its token', async (context, [name = '']) =>
    (await contexts()).removeContext(context, name),
  );
}
