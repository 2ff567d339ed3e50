# The verbs of a lease: take it, release it, look at the machine. One process for each connection of a controller, which
# answers one request after the other until that ends: starting perl and a unit takes longer than taking the machine.

# The control group that all leases of this connection are in, each in one of its own; '' where this login has none.
my $base = base_group();

sub base_group {
    my $mount = group_mount();
    return '' unless defined $mount;
    my ($mine) = (contents('/proc/self/cgroup') || '') =~ /^0::(.*)$/m;
    my $base = "$mount$mine";
    if ($base !~ m{/vm-task-[^/]+\.scope\z}) {
        $base = "$mount/vm-task";
        enable($mount) if mkdir $base;
    }
    # A group that has groups in it has no processes of its own.
    mkdir "$base/controller";
    return '' unless -e "$base/controller/cgroup.kill" && put("$base/controller/cgroup.procs", $$);
    enable($base);
    return $base;
}

sub enable {
    my ($group) = @_;
    put("$group/cgroup.subtree_control", "+$_") for 'memory', 'cpu', 'pids';
}

sub take {
    my ($request) = @_;
    my ($vm, $by, $life) = map { $request->{$_}[0] } 'use', 'by', 'life';
    my $mutex = enter();
    my $owner = owner();
    return tell_owner('held', $owner) if $owner && $owner->{left} > 0;
    clear($owner->{vm}) if $owner;
    # What crashes have left: without the lock it is nobody's.
    clear($_) for entries($leases), map { /^\.gone-(.*)/ } entries($own);
    write_lock($vm, $by, uptime() + $life / 1000);
    mkdir "$leases/$vm", 0700 or refuse("cannot make $leases/$vm: $!");
    my $group = $base && lease_group($vm);
    put("$leases/$vm/group", $group) or refuse("cannot write $leases/$vm/group: $!");
    start_watchdog($vm, $group, $mutex);
    answer('taken', $group);
}

# Inside it is a group for the watchdog, one for supervisors, and then one for each job.
sub lease_group {
    my ($vm) = @_;
    my $group = "$base/$vm";
    mkdir "$base/$vm$_" or refuse("cannot make $base/$vm$_: $!") for '', '/holder', '/supervisors';
    enable($group);
    return $group;
}

# Its file is locked for as long as it lives: so its number in there is never taken for that of another process.
sub start_watchdog {
    my ($vm, $group, $mutex) = @_;
    my $file = "$leases/$vm/holder";
    open my $life, '>', $file or refuse("cannot write $file: $!");
    flock $life, 2 or refuse("cannot lock $file: $!");
    my $pid = $group ? fork_into("$group/holder") : fork;
    refuse("cannot start a process: $!") unless defined $pid;
    if ($pid == 0) {
        syscall($call{setsid});
        open STDIN, '<', '/dev/null';
        open $_, '>', '/dev/null' for \*STDOUT, \*STDERR;
        close $mutex;
        hold($vm, $group);
        exit 0;
    }
    put($file, $pid) or refuse("cannot write $file: $!");
}

sub tell_owner {
    my ($kind, $owner) = @_;
    answer("$kind " . int(1000 * $owner->{left}), "$owner->{vm} $owner->{by}");
}

# Also when it was never taken, or somebody else has the machine by now.
sub release {
    my ($request) = @_;
    my $mutex = enter();
    clear($request->{use}[0]);
    answer('released', '');
}

# What the machine can do for a task: `units`, `groups` or `nothing`, and whether limits hold.
sub look {
    my $keeping = $base =~ /\.scope\z/ ? 'units' : $base ? 'groups' : 'nothing';
    my $limits = $base && (contents("$base/cgroup.subtree_control") || '') =~ /\bmemory\b/ ? 'limits' : 'none';
    answer('machine', "$keeping $limits");
}

unlink $0;
chdir '/';
put('/proc/self/oom_score_adj', -1000);
# Requests come on standard input, which the program itself did not come on.
*DATA = *STDIN;
binmode DATA;
answer('ready', '');
while (1) {
    my $request = request();
    1 while waitpid(-1, 1) > 0;
    { take => \&take, release => \&release, look => \&look }->{ $request->{verb}[0] }->($request);
}
