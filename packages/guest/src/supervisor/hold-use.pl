# The holder of one use: keeps its group alive, and ends the use at its deadline when nobody else did.

my ($vm) = @ARGV;
my $look_seconds = 60;

# Its folder, or '' where there is none for this login. Inside it is a group for this process, one for supervisors, and
# then one for each job.
sub own_group {
    my $mount = group_mount();
    return '' unless defined $mount;
    my ($mine) = (contents('/proc/self/cgroup') || '') =~ /^0::(.*)$/m;
    my $group = "$mount$mine";
    if ($group !~ m{/vm-task-\Q$vm\E\.scope\z}) {
        my $ours = "$mount/vm-task";
        if (mkdir $ours) { enable($_) for $mount, $ours }
        $group = "$ours/$vm";
        return '' unless mkdir $group;
    }
    mkdir "$group/holder" and mkdir "$group/supervisors" or return '';
    return '' unless -e "$group/holder/cgroup.kill" && put("$group/holder/cgroup.procs", $$);
    enable($group);
    return $group;
}

sub enable {
    my ($group) = @_;
    put("$group/cgroup.subtree_control", "+$_") for 'memory', 'cpu', 'pids';
}

put('/proc/self/oom_score_adj', -1000);
my $group = own_group();
syswrite STDOUT, "holding $group\n";
open STDOUT, '>', '/dev/null';
chdir '/';

while (1) {
    my $owner = owner();
    exit 0 unless $owner && $owner->{vm} eq $vm;
    last if $owner->{left} <= 0;
    sleep($owner->{left} < $look_seconds ? $owner->{left} + 1 : $look_seconds);
}
my $guard = enter();
$spared = 'holder';
clear($vm);
# A group of our own making has nobody else who removes it.
if ($group =~ m{\A(.*)/vm-task/\Q$vm\E\z}) {
    put("$1/cgroup.procs", $$);
    rmdir "$group/holder";
    rmdir $group;
}
