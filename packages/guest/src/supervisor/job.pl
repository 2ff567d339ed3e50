# The verbs of a job. Its folder is the truth: it is there, whole, or the job was never started; `end` is there, or
# the job has not ended; `lock` is held, or the supervisor is dead.

my $root = "$ENV{HOME}/.vm-task";
# The control group that everything of this lease is in; empty where there is none.
my $lease_group = '';
# Where a job finds the runner: a socket, and the command `bin/vm-task` in the folder. A login that is not root's may not
# write in /run.
my $api_folder = $< ? $root : '/run/vm-task';
my $socket = "$api_folder/api.sock";
my $result_bytes = 256 * 1024 + 1;
my $block_bytes = 4096;
my ($exclusive, $shared_if_free) = (2, 5);
my ($exists, $not_empty) = (17, 39);
# Seconds. Who looks for output sees them within 20 ms, and takes fifty looks a second while there are none.
my ($look_first, $look_last) = (0.001, 0.02);
my $supervisor_check = 1;

# On a machine of somebody's own, jobs are in the folder of the lease, and none is made any more when that is over.
sub enter_lease {
    my ($request) = @_;
    return unless $request->{use};
    my $lease = "$root/uses/$request->{use}[0]";
    # A socket's path has 107 bytes at most, and a lease has the machine to itself.
    $socket = "$root/api.sock";
    $root = "$lease/jobs";
    $api_folder = $lease;
    $lease_group = contents("$lease/group");
    refuse("the machine is not held for $request->{use}[0] any more") unless defined $lease_group || $request->{verb}[0] ne 'start';
}

# Starts the job unless it is there; either way, then follows it.
sub start {
    my ($request) = @_;
    my $name = $request->{name}[0];
    my $dir = "$root/$name";
    make_api($request) if $request->{command};
    my $lock = !-e $dir && prepare($request, $dir);
    my $output_bell;
    if ($lock) {
        pipe $output_bell, my $bell;
        my $pid = $lease_group ? fork_into("$lease_group/supervisors") : fork;
        refuse("cannot start a process: $!") unless defined $pid;
        if ($pid == 0) {
            close $output_bell;
            supervise($dir, $request, $lock, $bell, $lease_group);
        }
        close $lock;
    }
    answer($lock ? 'started' : 'attached', '');
    %$request = (name => $request->{name}, from => $request->{from});
    follow($request, $output_bell);
}

# The runner binds the socket, which only it can, while this waits: what an earlier runner has left of it is gone, and
# the job, when it is not there yet, starts with a socket that works.
sub make_api {
    my ($request) = @_;
    mkdir $_, 0755 for $api_folder, "$api_folder/bin";
    my $new = "$api_folder/bin/.vm-task.$$";
    unlink $socket;
    put($new, $request->{command}[0]) && chmod(0755, $new) && rename $new, "$api_folder/bin/vm-task"
        or return answer_api('noapi', "cannot write in $api_folder: $!");
    my $answer = answer_api('api', $socket);
    $request->{api_folder} = [$api_folder];
    return if $answer->{refused};
    $request->{socket} = [$socket];
    # In a VM that is the task's alone, every user of it is the task.
    chmod 0666, $socket unless $request->{use};
}

# Goes on when the other side has taken note.
sub answer_api {
    answer(@_);
    return request();
}

# Makes the job's folder under another name and moves it into place with its lock held, so that of two who try one
# wins, and nobody ever sees half of it. Returns the lock, or 0 for who lost.
sub prepare {
    my ($request, $dir) = @_;
    my $new = "$root/.$request->{name}[0].$$";
    mkdir $root, 0700;
    mkdir $new, 0700 or refuse("cannot make $new: $!");
    # The last two have room on the disk from now on, so that a full one keeps no job from being stopped or from ending.
    my %files = (stdout => '', stderr => '', 'stop.new' => ' ' x 16, 'end.new' => ' ' x 512);
    $files{$_} = $request->{$_}[0] for grep { $request->{$_} } 'script', 'inputs', 'needs';
    my $written = 1;
    $written &&= put("$new/$_", $files{$_}) for keys %files;
    my $problem = $!;
    if ($written && open(my $lock, '>', "$new/lock")) {
        flock $lock, $exclusive;
        return $lock if rename $new, $dir;
        $problem = $!;
    }
    unlink map { "$new/$_" } 'lock', keys %files;
    rmdir $new;
    return 0 if $problem == $exists || $problem == $not_empty;
    refuse("cannot keep the job in $root: $problem");
}

# New output as it comes, then the end. Ends itself when the channel does. Who started the job hears of output on a pipe
# from the supervisor; who came later looks for them.
sub follow {
    my ($request, $output_bell) = @_;
    my $dir = "$root/$request->{name}[0]";
    return answer('lost', 'it was never started here') unless -d $dir;
    my @streams = map { { name => $_, file => undef, at => shift @{ $request->{from} } } } 'stdout', 'stderr';
    for my $stream (@streams) {
        open $stream->{file}, '<', "$dir/$stream->{name}" or return answer('lost', "its $stream->{name} is gone: $!");
        sysseek $stream->{file}, $stream->{at}, 0;
    }
    my ($pause, $look_at) = ($look_first, seconds());
    while (1) {
        my $over = -e "$dir/end";
        my $moved = 0;
        $moved += forward($_) for @streams;
        if ($moved) {
            $pause = $look_first;
            next;
        }
        return tell_end($dir) if $over;
        if (seconds() >= $look_at) {
            return answer('lost', why_lost($dir)) if is_lost($dir);
            $look_at = seconds() + $supervisor_check;
        }
        $output_bell = wait_for_output($output_bell, $pause);
        $pause = $pause * 2 < $look_last ? $pause * 2 : $look_last;
    }
}

sub forward {
    my ($stream) = @_;
    my $n = sysread $stream->{file}, my $bytes, 65536;
    return 0 unless $n;
    answer("$stream->{name} $stream->{at}", $bytes);
    $stream->{at} += $n;
    return $n;
}

# Returns the pipe, or undef once it has told its last.
sub wait_for_output {
    my ($output_bell, $pause) = @_;
    my $readable = '';
    vec($readable, $_, 1) = 1 for 0, $output_bell ? fileno $output_bell : ();
    return $output_bell if select($readable, undef, undef, $output_bell ? $supervisor_check : $pause) <= 0;
    # Nothing more is ever sent on the channel but its end.
    exit 0 if vec($readable, 0, 1) && !sysread(STDIN, my $ignored, 4096);
    return $output_bell unless $output_bell && vec($readable, fileno $output_bell, 1);
    return sysread($output_bell, my $rings, 4096) ? $output_bell : undef;
}

sub is_lost {
    my ($dir) = @_;
    open my $lock, '<', "$dir/lock" or return 1;
    return flock($lock, $shared_if_free) && !-e "$dir/end";
}

sub why_lost {
    my $said = contents("$_[0]/supervisor-error");
    return defined $said && length $said ? "its supervisor died: $said" : 'its supervisor was killed, or the machine was restarted';
}

sub tell_end {
    my ($dir) = @_;
    for my $name ('stdout', 'stderr') {
        my $dropped = contents("$dir/$name.tail");
        $dropped = '' unless defined $dropped;
        my $tail = last_of("$dir/$name", $tail_bytes - length $dropped) . $dropped;
        answer("tail$name", $tail) if length $tail;
    }
    # What the job left under that name may be anything: only a file is read, and only so much of it.
    my ($completed) = grep { -s $_ } "$dir/first", "$dir/completed";
    if ($completed && open(my $file, '<', $completed)) {
        my $key = <$file>;
        read $file, (my $bytes), $result_bytes;
        answer('result', $bytes);
    } elsif (-f "$dir/result" && is_cut($dir)) {
        answer('notwritten', '');
    } elsif (-f "$dir/result" && open($file, '<', "$dir/result")) {
        read $file, (my $bytes), $result_bytes;
        answer('result', $bytes);
    }
    answer('end', contents("$dir/end"));
}

# A write that the disk has no room for ends where a block does, or has not begun. A result that ends so, on a disk that
# takes no block more, is not what the job wrote, but for one of just that length.
sub is_cut {
    my ($dir) = @_;
    return 0 if (-s "$dir/result") % $block_bytes;
    my $has_room = put("$dir/room.$$", ' ' x $block_bytes);
    unlink "$dir/room.$$";
    return !$has_room;
}

# The result that the job was completed with: the first one stands, whatever the job writes or asks for later. Asked for
# again with the same key, it is asked for once. The supervisor takes the same name, `first`, empty, before it writes the
# job's end: of the two who link it one is first, so a result is told with the end exactly when it was taken. Services of
# 0.2.0-rc.1 read and write `completed` alone, which therefore never is empty.
sub complete {
    my ($request) = @_;
    my $dir = "$root/$request->{name}[0]";
    my ($key, $result) = map { $request->{$_}[0] } 'key', 'result';
    my $before = kept($dir);
    return answer(taken($before, $key), '') if defined $before;
    return answer('over', '') if !-d $dir || -e "$dir/end" || is_lost($dir);
    my $new = "$dir/completed.$$";
    if (!put($new, "$key\n$result")) {
        my $problem = $!;
        unlink $new;
        refuse("cannot keep the result: $problem");
    }
    my $is_first = link $new, "$dir/first";
    link $new, "$dir/completed" if $is_first;
    unlink $new;
    return answer('completed', '') if $is_first;
    my $kept = kept($dir);
    refuse("cannot keep the result in $dir") unless defined $kept;
    answer(taken($kept, $key), '');
}

# Empty when the job's end came first, undefined while nothing did.
sub kept {
    my ($dir) = @_;
    for my $path ("$dir/first", "$dir/completed") {
        my $bytes = contents($path);
        return $bytes if defined $bytes && length $bytes;
    }
    return -e "$dir/first" ? '' : undef;
}

sub taken {
    my ($kept, $key) = @_;
    return 'over' if $kept eq '';
    return $kept =~ /^\Q$key\E\n/ ? 'completed' : 'twice';
}

sub last_of {
    my ($path, $length) = @_;
    open my $file, '<', $path or return '';
    my $size = -s $file;
    seek $file, $size - $length, 0 if $size > $length;
    read $file, (my $bytes), $length;
    return $bytes;
}

# Asked for twice, it is asked for once.
sub stop {
    my ($request) = @_;
    my $dir = "$root/$request->{name}[0]";
    if (open my $file, '+<', "$dir/stop.new") {
        syswrite $file, sprintf '%-16d', $request->{grace}[0];
        rename "$dir/stop.new", "$dir/stop";
    }
    answer('asked', '');
}

sub status {
    my ($request) = @_;
    my $dir = "$root/$request->{name}[0]";
    return answer('absent', '') unless -d $dir;
    my $end = contents("$dir/end");
    return answer('end', $end) if defined $end;
    return is_lost($dir) ? answer('lost', why_lost($dir)) : answer('running', '');
}

# One request, on standard input.
sub serve_job {
    # What the machine ends when its memory is out shall be the job, not who reports it.
    put('/proc/self/oom_score_adj', -1000);
    my $request = request();
    enter_lease($request);
    my %verbs = (start => \&start, follow => \&follow, stop => \&stop, status => \&status, complete => \&complete);
    $verbs{ $request->{verb}[0] }->($request);
}
