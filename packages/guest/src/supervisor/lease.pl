# One lease of a machine that is not ours: a lock, a folder for all that the lease makes, and a process that holds both
# until the deadline. Whoever changes any of them holds the mutex, so that of two controllers one is first.

my $own = "$ENV{HOME}/.vm-task";
my $leases = "$own/uses";
my $lock = "$own/lock";
my $boot_id = contents('/proc/sys/kernel/random/boot_id');
chomp $boot_id;
my $since_boot = 7;
my $end_seconds = 20;
# The watchdog cleans up from within its own group.
my $spared = '';

# Held until what it returns is closed.
sub enter {
    mkdir $own, 0700;
    mkdir $leases, 0700;
    open my $mutex, '>', "$own/guard" or refuse("cannot write $own/guard: $!");
    flock $mutex, 2 or refuse("cannot lock $own/guard: $!");
    return $mutex;
}

sub uptime {
    my ($seconds, $nanoseconds) = clock($since_boot);
    return $seconds + $nanoseconds / 1e9;
}

# Who has the machine, or undef. By its own uptime: what its clock or anybody else's says does not matter.
sub owner {
    my $text = contents("$lock/owner");
    return undef unless defined $text;
    my %is = $text =~ /^(vm|by|boot|until) (.*)$/mg;
    $is{left} = $is{boot} eq $boot_id ? $is{until} - uptime() : 0;
    return \%is;
}

# The lock is there with its owner, or it is not there.
sub write_lock {
    my ($vm, $by, $until) = @_;
    my $new = "$own/.lock";
    mkdir $new, 0700;
    put("$new/owner", "vm $vm\nby $by\nboot $boot_id\nuntil $until\n") && rename $new, $lock
        or refuse("cannot make $lock: $!");
}

# Ends the lease: nothing of it runs, is stored or is locked when this returns.
sub clear {
    my ($vm) = @_;
    my $gone = "$own/.gone-$vm";
    # From here on nothing can be started in it any more.
    rename "$leases/$vm", $gone;
    if (-e $gone) {
        my $group = contents("$gone/group") || '';
        if ($group =~ m{/vm-task[^/]*/\Q$vm\E\z}) { end_group($group) }
        else { end_marked($vm, "$gone/holder") }
        remove($gone);
    }
    my $owner = owner();
    return if $owner && $owner->{vm} ne $vm;
    unlink "$own/api.sock";
    return unless $owner;
    unlink "$lock/owner" and rmdir $lock or refuse("cannot remove $lock: $!");
}

sub end_group {
    my ($group) = @_;
    my $give_up = seconds() + $end_seconds;
    my $leaves = sub { map { "$group/$_" } grep { $_ ne $spared && -d "$group/$_" } entries($group) };
    put("$_/cgroup.kill", 1) for $leaves->();
    while (my @alive = grep { (contents("$_/cgroup.events") || '') =~ /^populated 1/m } $leaves->()) {
        refuse("processes in $alive[0] do not end") if seconds() > $give_up;
        select undef, undef, undef, 0.005;
        put("$_/cgroup.kill", 1) for @alive;
    }
    rmdir $_ for $leaves->();
    rmdir $group;
}

# Where there are no groups: the watchdog, and whatever still has the lease's mark in its environment.
sub end_marked {
    my ($vm, $watchdog) = @_;
    my $give_up = seconds() + $end_seconds;
    while (my @pids = (marked($vm), watchdog_in($watchdog))) {
        refuse("process $pids[0] does not end") if seconds() > $give_up;
        kill 'KILL', @pids;
        select undef, undef, undef, 0.01;
    }
}

sub marked {
    my ($vm) = @_;
    opendir my $processes, '/proc' or return ();
    return grep { $_ != $$ && (contents("/proc/$_/environ") || '') =~ /(?:^|\0)VM_TASK_USE=\Q$vm\E(?:\0|$)/ }
        grep { /^\d+$/ } readdir $processes;
}

sub watchdog_in {
    my ($file) = @_;
    open my $life, '<', $file or return ();
    return flock($life, 5) ? () : grep { $_ != $$ } contents($file) =~ /^(\d+)$/;
}

sub remove {
    my ($path) = @_;
    system 'rm', '-rf', '--', $path;
    # A task may have made folders that not even their owner may change.
    if (-e $path) {
        system 'chmod', '-R', 'u+rwX', '--', $path;
        system 'rm', '-rf', '--', $path;
    }
    refuse("cannot remove $path") if -e $path;
}

sub entries {
    my ($folder) = @_;
    opendir my $names, $folder or return ();
    return grep { !/^\.\.?\z/ } readdir $names;
}

sub group_mount {
    my ($mount) = contents('/proc/self/mounts') =~ /^\S+ (\S+) cgroup2 /m;
    return $mount;
}
