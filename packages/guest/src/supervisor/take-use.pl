# The verbs of a use: take it, release it, look at the machine.

sub take {
    my ($request) = @_;
    my ($vm, $by, $life, $program) = map { $request->{$_}[0] } 'use', 'by', 'life', 'holder';
    my $guard = enter();
    my $owner = owner();
    return tell_owner('held', $owner) if $owner && $owner->{left} > 0;
    clear($owner->{vm}) if $owner;
    # What crashes have left: without the lock it is nobody's.
    clear($_) for entries($uses), map { /^\.gone-(.*)/ } entries($own);
    write_lock($vm, $by, uptime() + $life / 1000);
    mkdir "$uses/$vm", 0700 or refuse("cannot make $uses/$vm: $!");
    put("$uses/$vm/holder", $program) or refuse("cannot write $uses/$vm/holder: $!");
    for my $scope (scope_of($vm), []) {
        my $group = hold($vm, $scope);
        next unless defined $group;
        put("$uses/$vm/group", $group);
        return answer('taken', $group);
    }
    my $said = contents("$uses/$vm/holder-error");
    clear($vm);
    refuse("cannot hold the machine: $said");
}

# What makes the holder, and with it all of the use, a unit of its own in systemd, out of reach of whatever limits
# sshd. Nothing where systemd does not run, for this login at least.
sub scope_of {
    my ($vm) = @_;
    my $runtime = "/run/user/$<";
    return () unless -d '/run/systemd/system' && ($< == 0 || -S "$runtime/systemd/private");
    $ENV{XDG_RUNTIME_DIR} = $runtime if $<;
    my @command = ('systemd-run', $< ? '--user' : (), '--scope', '--quiet', '--collect', '--property=Delegate=yes');
    return [@command, "--unit=vm-task-$vm.scope", "--description=a task of vm-task ($vm)"];
}

# Starts the holder; its group, empty where it has none, or undef where it could not be started so.
sub hold {
    my ($vm, $scope) = @_;
    pipe my $said, my $say;
    my $pid = fork;
    refuse("cannot start a process: $!") unless defined $pid;
    if ($pid == 0) {
        syscall($call{setsid});
        open STDIN, '<', '/dev/null';
        open STDOUT, '>&', $say;
        open STDERR, '>', "$uses/$vm/holder-error";
        delete @ENV{ grep { /^SSH_/ } keys %ENV };
        $ENV{VM_TASK_USE} = $vm;
        exec @$scope, 'perl', "$uses/$vm/holder", $vm or exit 127;
    }
    close $say;
    my ($group) = (<$said> || '') =~ /^holding (.*)$/;
    return $group;
}

sub tell_owner {
    my ($kind, $owner) = @_;
    answer("$kind " . int(1000 * $owner->{left}), "$owner->{vm} $owner->{by}");
}

# Also when it was never taken, or somebody else has the machine by now.
sub release {
    my ($request) = @_;
    my $guard = enter();
    clear($request->{use}[0]);
    answer('released', '');
}

# What the machine can do for a task: `units`, `groups` or `nothing`, and whether limits hold.
sub look {
    my $mount = group_mount();
    my ($mine) = (contents('/proc/self/cgroup') || '') =~ /^0::(.*)$/m;
    my $groups = defined $mount && defined $mine && -e "$mount$mine/cgroup.procs";
    my $units = -d '/run/systemd/system' && ($< == 0 || -S "/run/user/$</systemd/private");
    my $keeping = !$groups ? 'nothing' : $units ? 'units' : $< == 0 ? 'groups' : 'nothing';
    my $limits = $groups && (contents("$mount/cgroup.controllers") || '') =~ /\bmemory\b/ ? 'limits' : 'none';
    answer('machine', "$keeping $limits");
}

put('/proc/self/oom_score_adj', -1000);
my $request = request();
{ take => \&take, release => \&release, look => \&look }->{ $request->{verb}[0] }->($request);
