# The verbs of a job. Its folder is the truth: it is there, whole, or the job was never started; `end` is there, or
# the job has not ended; `lock` is held, or the supervisor is dead.

my $root = "$ENV{HOME}/.vm-task";
my $result_bytes = 256 * 1024 + 1;
my ($exclusive, $shared_if_free) = (2, 5);
my ($exists, $not_empty) = (17, 39);

# Starts the job unless it is there; either way, then follows it.
sub start {
    my ($request) = @_;
    my $name = $request->{name}[0];
    my $dir = "$root/$name";
    my $ours = !-e $dir && prepare($request, $dir);
    if ($ours) {
        my $pid = fork;
        refuse("cannot start a process: $!") unless defined $pid;
        supervise($dir, $request, $ours) if $pid == 0;
        close $ours;
    }
    answer($ours ? 'started' : 'attached', '');
    %$request = (name => $request->{name}, from => $request->{from});
    follow($request);
}

# Makes the job's folder under another name and moves it into place with its lock held, so that of two who try one
# wins, and nobody ever sees half of it. Returns the lock, or 0 for who lost.
sub prepare {
    my ($request, $dir) = @_;
    my $new = "$root/.$request->{name}[0].$$";
    mkdir $root, 0700;
    mkdir $new, 0700 or refuse("cannot make $new: $!");
    my %files = (stdout => '', stderr => '', 'end.new' => ' ' x 512);
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

# New output as it comes, then the end. Ends itself when the channel does.
sub follow {
    my ($request) = @_;
    my $dir = "$root/$request->{name}[0]";
    return answer('lost', 'it was never started here') unless -d $dir;
    my @streams = map { { name => $_, file => undef, at => shift @{ $request->{from} } } } 'stdout', 'stderr';
    for my $stream (@streams) {
        open $stream->{file}, '<', "$dir/$stream->{name}" or return answer('lost', "its $stream->{name} is gone: $!");
        sysseek $stream->{file}, $stream->{at}, 0;
    }
    my ($pause, $idle) = (0.001, 0);
    while (1) {
        my $over = -e "$dir/end";
        my $moved = 0;
        $moved += forward($_) for @streams;
        if ($moved) { ($pause, $idle) = (0.001, 0) }
        elsif ($over) { return tell_end($dir) }
        else {
            # Seen within 20 ms, for fifty looks a second while nothing comes; the supervisor's life once a second.
            return if channel_closed($pause);
            $pause = $pause < 0.01 ? $pause * 2 : 0.02;
            return answer('lost', why_lost($dir)) if $idle++ % 50 == 0 && is_lost($dir);
        }
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

sub channel_closed {
    my ($pause) = @_;
    my $readable = '';
    vec($readable, 0, 1) = 1;
    return select($readable, undef, undef, $pause) > 0 && !sysread STDIN, my $ignored, 4096;
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
        answer("tail$name", last_of("$dir/$name", $tail_bytes - length $dropped) . $dropped);
    }
    # What the job left under that name may be anything: only a file is read, and only so much of it.
    if (-f "$dir/result" && open(my $file, '<', "$dir/result")) {
        read $file, (my $bytes), $result_bytes;
        answer('result', $bytes);
    }
    answer('end', contents("$dir/end"));
}

sub last_of {
    my ($path, $length) = @_;
    open my $file, '<', $path or return '';
    my $size = -s $file;
    seek $file, $size - $length, 0 if $size > $length;
    read $file, (my $bytes), $length;
    return $bytes;
}

sub stop {
    my ($request) = @_;
    my $dir = "$root/$request->{name}[0]";
    if (-d $dir && !-e "$dir/stop") {
        put("$dir/stop.$$", $request->{grace}[0]) && rename "$dir/stop.$$", "$dir/stop" or refuse("cannot ask for it in $dir: $!");
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

my $request = request();
{ start => \&start, follow => \&follow, stop => \&stop, status => \&status }->{ $request->{verb}[0] }->($request);
