/** A `git` setup step as argv: one constant script, and the task's values as its arguments, never in its text (I11). */
import type { SetupStep } from '@vm-task/shared/task-spec';

type GitStep = SetupStep & { readonly kind: 'git' };

/**
 * Clones, or brings up to date what is there. A branch is checked out as one and fast-forwarded; a ref may also be a
 * tag or a commit; without either it is the remote's default branch. A tag of a branch's name does not count as that
 * branch. Submodules stay empty. Nothing ever asks a question.
 */
const script = `
set -eu
exec 2>&1 </dev/null
url=$1 path=$2 branch=$3 ref=$4
export GIT_TERMINAL_PROMPT=0 GIT_SSH_COMMAND='ssh -o BatchMode=yes'
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

export function gitArgv({ url, path, branch = '', ref = '' }: GitStep): readonly string[] {
  return ['/bin/sh', '-c', script, 'git-step', url, path, branch, ref];
}
