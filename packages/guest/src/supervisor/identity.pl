# Waits in a machine that is being frozen, loaded and without a login, on a port between the machine and its host. In each
# clone it takes one message with a new identity, applies it, proves it, and ends. It is answered on the port.

my ($add_entropy, $reseed) = (0x40085203, 0x5207);
my $port_name = 'vm-task.identity';
my $pause = 0.005;

sub must_put {
    my ($path, $bytes) = @_;
    put($path, $bytes) or refuse("cannot write $path: $!");
}

sub open_port {
    system 'modprobe virtio_console 2>/dev/null' unless -d '/sys/class/virtio-ports';
    for my $name (glob '/sys/class/virtio-ports/*/name') {
        next unless (contents($name) || '') eq "$port_name\n";
        my ($device) = $name =~ m{([^/]+)/name\z};
        open my $port, '+<:raw', "/dev/$device" or refuse("cannot open /dev/$device: $!");
        return $port;
    }
    refuse("there is no port $port_name: an image needs the module virtio_console");
}

# The next request on the port. While nobody is at its other end, it ends at once.
sub message {
    my ($port) = @_;
    my $bytes = '';
    while (1) {
        my $got = sysread $port, $bytes, 65536, length $bytes;
        exit 0 unless defined $got;
        my $fields = fields_of($bytes);
        return $fields if $fields;
        select undef, undef, undef, $pause unless $got;
    }
}

# Undefined while something is missing.
sub fields_of {
    my ($bytes) = @_;
    my %fields;
    while ($bytes =~ s/\A([a-z]+) (\d+)\n//) {
        my ($name, $length) = ($1, $2);
        return \%fields if $name eq 'end';
        return undef if length $bytes < $length;
        push @{ $fields{$name} }, substr $bytes, 0, $length, '';
    }
    return undef;
}

# In place, because a machine-id may be a mount of its own.
sub take_identity {
    my ($port) = @_;
    my $message = message($port);
    my %is = map { $_ => $message->{$_}[0] } 'seed', 'machineid', 'hostname', 'hostkey', 'hostpublic', 'loginkey';
    stir($is{seed});
    must_put($_, "$is{machineid}\n") for '/etc/machine-id', grep { -f $_ && !-l $_ } '/run/machine-id', '/var/lib/dbus/machine-id';
    must_put('/etc/hostname', "$is{hostname}\n");
    must_put('/proc/sys/kernel/hostname', $is{hostname});
    my $hosts = contents('/etc/hosts');
    $hosts = "127.0.0.1 localhost\n::1 localhost\n" unless defined $hosts;
    $hosts =~ s/^127\.0\.1\.1\s.*\n?//mg;
    must_put('/etc/hosts', "${hosts}127.0.1.1 $is{hostname}\n");
    umask 077;
    mkdir "$ENV{HOME}/.ssh";
    must_put("$ENV{HOME}/.ssh/authorized_keys", "$is{loginkey}\n");
    take_host_key($is{hostkey}, $is{hostpublic});
    answer('done', '');
    my ($seconds, $nanoseconds) = message($port)->{now}[0] =~ /^(\d+)\.(\d{9})$/ or refuse('that is no time');
    my $time = pack 'q2', $seconds, $nanoseconds;
    syscall($call{clock_settime}, $realtime, $time) == 0 or refuse("cannot set the clock: $!");
    reload_sshd();
    prove($port);
}

# The pool of a clone is its snapshot's; what is added here is mixed in and used at once.
sub stir {
    my ($seed) = @_;
    open my $random, '>', '/dev/urandom' or refuse("cannot open /dev/urandom: $!");
    ioctl $random, $add_entropy, pack 'iia*', 8 * length $seed, length $seed, $seed or refuse("cannot add to the random pool: $!");
    ioctl $random, $reseed, 0 or refuse("cannot reseed the random pool: $!");
}

# Keys of other kinds came with the image and are the same in every clone: they go.
sub take_host_key {
    my ($private, $public) = @_;
    my $ours = '/etc/ssh/ssh_host_ed25519_key';
    opendir my $folder, '/etc/ssh' or refuse("cannot read /etc/ssh: $!");
    unlink map { "/etc/ssh/$_" } grep { /^ssh_host_/ } readdir $folder;
    must_put($ours, $private);
    must_put("$ours.pub", "$public\n");
}

# Returns once sshd has let go of its port, so that nobody is shown the snapshot's key any more; it comes back with the
# new one by itself. Where none listens there is one per connection, which reads the new key by itself.
sub reload_sshd {
    my ($pid) = (contents('/run/sshd.pid') || '') =~ /^(\d+)/ or return;
    kill 'HUP', $pid or refuse("cannot reload sshd, process $pid: $!");
    for (1 .. 10000) {
        return unless contents('/proc/net/tcp') =~ /:0016 0{8}:0{4} 0A /;
        select undef, undef, undef, 0.002;
    }
    refuse("sshd, process $pid, has not begun anew within 20 s");
}

# Ends by telling the clock at the request for it, so that nothing else is a part of that answer's time.
sub prove {
    my ($port) = @_;
    open my $random, '<:raw', '/dev/urandom' or refuse("cannot open /dev/urandom: $!");
    sysread $random, my $bytes, 64;
    answer('random', $bytes);
    answer('machineid', contents('/etc/machine-id'));
    answer('hostname', contents('/proc/sys/kernel/hostname'));
    answer('loginkeys', contents("$ENV{HOME}/.ssh/authorized_keys"));
    answer('done', '');
    message($port);
    answer('now', sprintf '%d.%09d', clock($realtime));
}

request();
my $port = open_port();
pipe my $waits, my $is_waiting or refuse("cannot make a pipe: $!");
my $child = fork;
defined $child or refuse("cannot start a process: $!");
if ($child == 0) {
    syscall($call{setsid});
    # The login that started it ends.
    open STDIN, '<', '/dev/null';
    open STDERR, '>', '/dev/null';
    open STDOUT, '>&', $port;
    close $waits;
    close $is_waiting;
    take_identity($port);
    exit 0;
}
close $is_waiting;
<$waits>;
answer('done', '');
