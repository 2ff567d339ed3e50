import { runTool } from '../run-tool.ts';

/**
 * The machine's own apt sources of a Debian suite, as lines of a sources.list: the mirror that it is set up with is
 * the one that it can reach. None when it has none of that suite: then mmdebstrap takes Debian's own.
 */
export async function debianSources(suite: string, architecture: string, signal: AbortSignal): Promise<string[]> {
  const format = '$(ORIGIN)|$(ARCHITECTURE)|$(REPO_URI)|$(CODENAME)|$(COMPONENT)';
  const targets = await runTool('apt-get', ['indextargets', '--format', format, 'Created-By: Packages'], { signal });
  return selectSources(targets, suite, architecture);
}

/** Of apt's index targets, those of Debian's main component of the suite, its updates and its security fixes. */
export function selectSources(targets: string, suite: string, architecture: string): string[] {
  const codenames = [suite, `${suite}-updates`, `${suite}-security`];
  const lines = targets.split('\n').flatMap((target) => {
    const [origin, targetArchitecture, uri = '', codename = '', component] = target.split('|');
    const wanted =
      origin === 'Debian' &&
      targetArchitecture === architecture &&
      component === 'main' &&
      codenames.includes(codename) &&
      /^https?:/.test(uri);
    return wanted ? [`deb ${uri} ${codename} main`] : [];
  });
  const unique = [...new Set(lines)];
  return unique.some((line) => line.endsWith(` ${suite} main`)) ? unique : [];
}
