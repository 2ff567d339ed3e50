# A control group of the job's own, beside that of sshd and of this supervisor: what runs out of memory in it, and
# what is killed with it, is the job and nothing else.

# Its folder, or undef where this login cannot make one. On a machine of somebody's own it is in the group of the lease.
sub make_group {
    my ($limits, $ours) = @_;
    return limited_group("$ours/$$", $limits) if $ours;
    my ($mount) = contents('/proc/self/mounts') =~ /^\S+ (\S+) cgroup2 /m;
    return undef unless defined $mount;
    $ours = "$mount/vm-task";
    if (mkdir $ours) {
        for my $controller ('memory', 'cpu', 'pids') {
            put("$_/cgroup.subtree_control", "+$controller") for $mount, $ours;
        }
    }
    return limited_group("$ours/$$", $limits);
}

sub limited_group {
    my ($group, $limits) = @_;
    rmdir $group;
    return undef unless mkdir $group;
    if (!-e "$group/cgroup.kill") {
        rmdir $group;
        return undef;
    }
    put("$group/memory.oom.group", 1);
    put("$group/memory.max", $limits->{memory}) if $limits->{memory};
    put("$group/memory.swap.max", 0) if $limits->{memory};
    put("$group/cpu.max", int($limits->{cpus} * 100000) . ' 100000') if $limits->{cpus};
    put("$group/pids.max", $limits->{processes}) if $limits->{processes};
    return $group;
}

# As fork, with the child in the group from its first moment (clone3 with CLONE_INTO_CGROUP): moving it there afterwards
# waits for every CPU to pass a quiet moment, 10 ms of a trivial job's 150. The call has one number on all machines.
sub fork_into {
    my ($group) = @_;
    my ($clone3, $into_group, $tell_parent) = (435, 1 << 33, 17);
    open my $folder, '<', $group or return undef;
    my $how = pack 'Q11', $into_group, 0, 0, 0, $tell_parent, 0, 0, 0, 0, 0, fileno $folder;
    my $pid = syscall($clone3, $how, length $how);
    return $pid < 0 ? undef : $pid;
}

sub ran_out_of_memory {
    my ($group) = @_;
    return defined $group && (contents("$group/memory.events") || '') =~ /^oom_kill [1-9]/m ? 1 : 0;
}

# True while anything of the job is alive; without a group, while anything of its process group is.
sub anything_left {
    my ($group, $pid) = @_;
    return contents("$group/cgroup.events") =~ /^populated 1/m if defined $group;
    return kill 0, -$pid;
}

sub kill_everything {
    my ($group, $pid) = @_;
    defined $group ? put("$group/cgroup.kill", 1) : kill 'KILL', -$pid;
}

# The kernel lets a group go only once its last process is all gone, which may be a moment after its pipes closed.
sub remove_group {
    my ($group) = @_;
    for (1 .. 100) {
        return if rmdir $group;
        select undef, undef, undef, 0.02;
    }
}
