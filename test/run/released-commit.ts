/** Which state of the repository was released last, as CHANGELOG.md says it. */

export interface Released {
  readonly version: string;
  /** 40 hexadecimal digits. */
  readonly commit: string;
}

/** @throws Error when the text names no commit, or one that is none */
export function lastReleased(changelog: string): Released {
  const sections = changelog.split(/^## /m).slice(1);
  for (const section of sections) {
    const [heading = ''] = section.split('\n');
    const named = /^Commit: (.*)$/m.exec(section)?.[1]?.trim();
    if (named === undefined) continue;
    if (!/^[0-9a-f]{40}$/.test(named))
      throw new Error(`CHANGELOG.md names the commit ${JSON.stringify(named)} of ${heading}`);
    return { version: heading.split(' ')[0] ?? '', commit: named };
  }
  throw new Error('CHANGELOG.md has no section with a line "Commit: <40 hexadecimal digits>"');
}
