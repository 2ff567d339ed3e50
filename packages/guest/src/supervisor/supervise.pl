# One job, from its start to its exit status. This process belongs to no connection: it goes on when that one ends.

my $chunk = 256 * 1024;
my $tail_bytes = 64 * 1024;
# How long the end of output is waited for once the process is over and everything of it was killed.
my $drain_seconds = 2;
my ($set_flags, $nonblocking, $set_pipe_size) = (4, 04000, 1031);
my $would_block = 11;
my $no_hang = 1;

# Never returns. $lock is held by this process alone and for its whole life: whoever can have it knows that we died.
# $bell is for whoever started the job and still listens: a byte for new output, and its end for the job's.
sub supervise {
    my ($dir, $request, $lock, $bell, $lease_group) = @_;
    syscall($call{setsid});
    $SIG{PIPE} = 'IGNORE';
    $SIG{CHLD} = sub { };
    chdir $ENV{HOME};
    open STDIN, '<', '/dev/null';
    open STDOUT, '>', '/dev/null';
    open STDERR, '>', "$dir/supervisor-error";
    my ($memory, $cpus, $processes) = map { $request->{$_}[0] } 'memory', 'cpus', 'processes';
    my $group = make_group({ memory => $memory, cpus => $cpus, processes => $processes }, $lease_group);
    die "the lease of this machine is over\n" if $lease_group && !defined $group;
    my $job = launch($dir, $request, $group);
    fcntl $bell, $set_flags, $nonblocking;
    $job->{bell} = $bell;
    my $outcome = defined $job->{failure} ? "not-started $job->{failure}" : attend($dir, $job, $group);
    close $_->{file} for values %{ $job->{streams} };
    record($dir, $job, $outcome, ran_out_of_memory($group));
    close $bell;
    remove_group($group) if defined $group;
    exit 0;
}

sub launch {
    my ($dir, $request, $group) = @_;
    pipe my $in_end, my $in;
    pipe my $failure, my $failure_end;
    my (%streams, %ends);
    for my $name ('stdout', 'stderr') {
        pipe my $pipe, $ends{$name};
        fcntl $pipe, $set_pipe_size, $chunk;
        open my $file, '>>', "$dir/$name";
        $streams{$name} =
            { pipe => $pipe, file => $file, seen => 0, stored => 0, max => $request->{outputmax}[0], tail => '' };
    }
    my $pid = defined $group ? fork_into($group) : fork;
    die "cannot start a process: $!\n" unless defined $pid;
    become_job($dir, $request, $in_end, $ends{stdout}, $ends{stderr}, $failure_end) if $pid == 0;
    close $_ for $in_end, $failure_end, values %ends;
    fcntl $in, $set_flags, $nonblocking;
    my $why = <$failure>;
    $why = substr $why, 0, 300 if defined $why;
    return {
        pid => $pid, streams => \%streams, in => $in, stdin => $request->{stdin}[0], fed => 0, failure => $why,
        started_at => seconds(), ran => 0,
    };
}

# The job's process, up to the program that it becomes. What goes wrong is said on $failure_end, which the program
# itself never has, because Perl closes what is above standard error when a program starts.
sub become_job {
    my ($dir, $request, $in, $out, $err, $failure_end) = @_;
    my $fail = sub { my $why = "$_[0]: $!"; $why =~ tr/\n/ /; syswrite $failure_end, $why; exit 127 };
    syscall($call{setsid});
    put('/proc/self/oom_score_adj', 0);
    open STDIN, '<&', $in or $fail->('stdin');
    open STDOUT, '>&', $out or $fail->('stdout');
    open STDERR, '>&', $err or $fail->('stderr');
    my $cwd = $request->{cwd}[0];
    make_folder($cwd);
    chdir $cwd or $fail->("the working directory $cwd");
    $SIG{$_} = 'DEFAULT' for 'PIPE', 'CHLD';
    delete @ENV{ grep { /^SSH_/ } keys %ENV };
    for my $variable (@{ $request->{env} }) {
        my ($name, $value) = split /=/, $variable, 2;
        $ENV{$name} = $value;
    }
    $ENV{VM_TASK_USE} = $request->{use}[0] if $request->{use};
    $ENV{VM_TASK_INPUTS} = "$dir/inputs";
    $ENV{VM_TASK_RESULT} = "$dir/result";
    $ENV{VM_TASK_NEEDS} = "$dir/needs" if $request->{needs};
    $ENV{PATH} = "$request->{api_folder}[0]/bin:$ENV{PATH}" if $request->{api_folder};
    $ENV{VM_TASK_API} = $request->{socket}[0] if $request->{socket};
    my @argv = (@{ $request->{argv} }, $request->{script} ? "$dir/script" : ());
    exec { $argv[0] } @argv or $fail->($argv[0]);
}

sub make_folder {
    my ($path) = @_;
    return if -d $path;
    make_folder($1) if $path =~ m{^(.+)/[^/]+/*$}s;
    mkdir $path;
}

# Feeds, reads and waits until the process is over and its output is all here; returns how it ended.
sub attend {
    my ($dir, $job, $group) = @_;
    my ($status, $over_at, $pause) = (undef, undef, 0.001);
    while (1) {
        my @open = grep { $_->{pipe} } values %{ $job->{streams} };
        last if defined $status && $job->{killed} && (!@open || seconds() > $over_at + $drain_seconds);
        $pause = wait_for_work($job, \@open, $pause);
        heed_stop($dir, $job, $group);
        if (!defined $status && waitpid($job->{pid}, $no_hang) == $job->{pid}) {
            $status = $?;
            $over_at = seconds();
            $job->{ran} = $over_at - $job->{started_at};
        }
        next unless defined $status;
        # Who was asked to stop has its grace to the end, also after the first of its processes is gone.
        my $finishing = $job->{stopping} && !$job->{killed} && anything_left($group, $job->{pid});
        if ($finishing) { $over_at = seconds() }
        else { kill_once($job, $group) }
    }
    return $status & 127 ? 'signalled ' . ($status & 127) : 'exited ' . ($status >> 8);
}

sub kill_once {
    my ($job, $group) = @_;
    kill_everything($group, $job->{pid}) unless $job->{killed}++;
}

# Moves what can be moved now, and returns how long the next wait may be: short at first, because a process that has
# closed its output is about to end, and never so long that a request to stop waits.
sub wait_for_work {
    my ($job, $open, $pause) = @_;
    my ($readable, $writable) = ('', '');
    vec($readable, fileno $_->{pipe}, 1) = 1 for @$open;
    close_input($job) if $job->{in} && $job->{fed} == length $job->{stdin};
    vec($writable, fileno $job->{in}, 1) = 1 if $job->{in};
    my $n = select $readable, $writable, undef, @$open ? 0.1 : $pause;
    return $pause < 0.05 ? $pause * 2 : 0.1 if $n <= 0;
    feed($job) if $job->{in} && vec $writable, fileno $job->{in}, 1;
    take($_, $job->{bell}) for grep { vec $readable, fileno $_->{pipe}, 1 } @$open;
    return $pause;
}

sub feed {
    my ($job) = @_;
    my $n = syswrite $job->{in}, $job->{stdin}, 65536, $job->{fed};
    if (defined $n) { $job->{fed} += $n }
    elsif ($! != $would_block) { close_input($job) }
}

sub close_input {
    my ($job) = @_;
    close $job->{in};
    @$job{ 'in', 'stdin' } = (undef, '');
}

# Stores what there is room for, and counts the rest and keeps its end: memory stays the same whatever comes.
sub take {
    my ($stream, $bell) = @_;
    my $n = sysread($stream->{pipe}, my $bytes, $chunk);
    if (!$n) {
        close $stream->{pipe};
        $stream->{pipe} = undef;
        return;
    }
    $stream->{seen} += $n;
    my $room = $stream->{max} - $stream->{stored};
    my $kept = 0;
    if ($room > 0) {
        $kept = syswrite($stream->{file}, $bytes, $n < $room ? $n : $room) || 0;
        $stream->{stored} += $kept;
        # Less than there was room for: the disk is full. What comes later must not follow a gap.
        $stream->{max} = $stream->{stored} if $kept < $n;
        syswrite $bell, '!';
    }
    return if $kept == $n;
    # At full speed, copying all of it only to cut it again would be most of the work.
    my $end = $n - $tail_bytes;
    $stream->{tail} = '' if $end > $kept;
    $stream->{tail} .= substr $bytes, $end > $kept ? $end : $kept;
    $stream->{tail} = substr $stream->{tail}, -$tail_bytes if length $stream->{tail} > $tail_bytes;
}

sub heed_stop {
    my ($dir, $job, $group) = @_;
    if (!$job->{stopping} && -e "$dir/stop") {
        $job->{stopping} = 1;
        $job->{kill_at} = seconds() + contents("$dir/stop") / 1000;
        kill 'TERM', -$job->{pid};
    }
    kill_once($job, $group) if $job->{stopping} && seconds() >= $job->{kill_at};
}

# The exit status is there whole or not at all, and still there after a crash of the guest.
sub record {
    my ($dir, $job, $outcome, $out_of_memory) = @_;
    my $text = "outcome $outcome\nmemory $out_of_memory\nstopped " . ($job->{stopping} || 0) . "\n";
    $text .= 'ran ' . int($job->{ran} * 1000) . "\n";
    for my $name ('stdout', 'stderr') {
        my $stream = $job->{streams}{$name};
        put("$dir/$name.tail", $stream->{tail}) if length $stream->{tail};
        $text .= "$name $stream->{seen} $stream->{stored}\n";
    }
    # From here on no result can be set any more. The lock is an empty file that is there: a link needs no room.
    link "$dir/lock", "$dir/first";
    open my $file, '+<', "$dir/end.new";
    syswrite $file, $text;
    truncate $file, length $text;
    syscall($call{fsync}, fileno $file);
    close $file;
    rename "$dir/end.new", "$dir/end";
}
