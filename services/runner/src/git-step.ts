/** A `git` setup step as argv: one constant script, and the task's values as its arguments, never in its text (I11). */
import type { SetupStep } from '@vm-task/shared/task-spec';
import type { Secrets } from './secrets.ts';

type GitStep = SetupStep & { readonly kind: 'git' };
export type GitPasswords = Pick<Secrets, 'gitPassword'>;

/** Only the processes of the one step have it. */
const passwordVariable = 'VM_TASK_GIT_PASSWORD';

/**
 * Clones, or brings up to date what is there. A branch is checked out as one and fast-forwarded; a ref may also be a
 * tag or a commit; without either it is the remote's default branch. A tag of a branch's name does not count as that
 * branch. Submodules stay empty. Nothing ever asks a question. A password is given to the server of that origin alone,
 * not to where it redirects; and helpers that the machine's or the repository's own configuration names, which might store it, are
 * not asked.
 */
const script = `
set -eu
exec 2>&1 </dev/null
url=$1 path=$2 branch=$3 ref=$4 origin=$5 user=$6
export GIT_TERMINAL_PROMPT=0 GIT_SSH_COMMAND='ssh -o BatchMode=yes'
if [ -n "$origin" ]; then
  export VM_TASK_GIT_USER="$user"
  helper='!f() { if [ "$1" = get ]; then printf "username=%s\\npassword=%s\\n" "$VM_TASK_GIT_USER" "$${passwordVariable}"; fi; }; f'
  git() { command git -c credential.helper= -c "credential.$origin.helper=" -c "credential.$origin.helper=$helper" "$@"; }
fi
if [ -e "$path/.git" ]; then
  git -C "$path" remote set-url origin "$url"
  git -C "$path" fetch --tags --force origin
else
  git clone -- "$url" "$path"
fi
cd -- "$path"
if [ -n "$branch" ]; then
  if git show-ref --verify --quiet "refs/heads/$branch"; then git switch "$branch"
  else git switch --track -c "$branch" "refs/remotes/origin/$branch"; fi
fi
if [ -n "$ref" ]; then git -c advice.detachedHead=false checkout "$ref" --; fi
if git rev-parse --verify --quiet '@{upstream}' >/dev/null 2>&1; then git merge --quiet --ff-only '@{upstream}'; fi
`;

/** Any will do for servers that take tokens. */
const defaultUser = 'x-access-token';

export function gitArgv(step: GitStep): readonly string[] {
  const { url, path, branch = '', ref = '', secret, user = defaultUser } = step;
  const origin = secret === undefined ? '' : originOf(url);
  return ['/bin/sh', '-c', script, 'git-step', url, path, branch, ref, origin, user];
}

/** @throws `secret-unusable` for a value that git could not be told. */
export function gitSecrets({ secret }: GitStep, passwords: GitPasswords): Readonly<Record<string, string>> {
  return secret === undefined ? {} : { [passwordVariable]: passwords.gitPassword(secret) };
}

/** As it stands there, because git compares it so. The task's schema says which characters it has. */
function originOf(url: string): string {
  return /^https:\/\/[^/]+/.exec(url)?.[0] ?? '';
}
