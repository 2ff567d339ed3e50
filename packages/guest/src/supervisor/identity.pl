# A clone's identity: one message on a port between the machine and its host, without a login, which is applied, proved
# and answered there.

my ($add_entropy, $reseed) = (0x40085203, 0x5207);
my $port_name = 'vm-task.identity';
my $pause = 0.005;
my $port_seconds = 20;
my $host_key = '/etc/ssh/ssh_host_ed25519_key';
# A start of sshd, on a host with all its VMs starting.
my $sshd_seconds = 60;

sub must_put {
    my ($path, $bytes) = @_;
    put($path, $bytes) or refuse("cannot write $path: $!");
}

# The machine says which port is which a moment after the module is there, on a busy host a long one.
sub open_port {
    system 'modprobe virtio_console 2>/dev/null' unless -d '/sys/class/virtio-ports';
    for (1 .. $port_seconds / $pause) {
        for my $name (glob '/sys/class/virtio-ports/*/name') {
            next unless (contents($name) || '') eq "$port_name\n";
            my ($device) = $name =~ m{([^/]+)/name\z};
            open my $port, '+<:raw', "/dev/$device" or refuse("cannot open /dev/$device: $!");
            return $port;
        }
        select undef, undef, undef, $pause;
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
    my ($port, $key_pipe) = @_;
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
    my $mask = umask 077;
    mkdir "$ENV{HOME}/.ssh";
    must_put("$ENV{HOME}/.ssh/authorized_keys", "$is{loginkey}\n");
    take_host_key($is{hostkey}, $is{hostpublic}, $key_pipe);
    umask $mask;
    answer('done', '');
    my ($seconds, $nanoseconds) = message($port)->{now}[0] =~ /^(\d+)\.(\d{9})$/ or refuse('that is no time');
    my $time = pack 'q2', $seconds, $nanoseconds;
    syscall($call{clock_settime}, $realtime, $time) == 0 or refuse("cannot set the clock: $!");
    prove($port);
}

# The pool of a clone is its snapshot's; what is added here is mixed in and used at once.
sub stir {
    my ($seed) = @_;
    open my $random, '>', '/dev/urandom' or refuse("cannot open /dev/urandom: $!");
    ioctl $random, $add_entropy, pack 'iia*', 8 * length $seed, length $seed, $seed or refuse("cannot add to the random pool: $!");
    ioctl $random, $reseed, 0 or refuse("cannot reseed the random pool: $!");
}

# sshd begins anew, and stops where it reads its host key, from a pipe: it has loaded all but that, listens nowhere, and the
# key that it had is nowhere any more. Returns the pipe's other end; undef where no sshd waits for connections and there
# is one for each, which reads the key by itself.
sub hold_sshd {
    my ($pid) = (contents('/run/sshd.pid') || '') =~ /^(\d+)/ or return undef;
    remove_host_keys();
    system('mkfifo', '-m', '600', $host_key) == 0 or refuse("cannot make the pipe $host_key");
    kill 'HUP', $pid or refuse("cannot reload sshd, process $pid: $!");
    local $SIG{ALRM} = sub { refuse("sshd, process $pid, has not begun anew within $sshd_seconds s") };
    alarm $sshd_seconds;
    # Opened once sshd has opened it.
    open my $pipe, '>', $host_key or refuse("cannot open the pipe $host_key: $!");
    alarm 0;
    return $pipe;
}

# Keys of other kinds came with the image and are the same in every clone: they go.
sub remove_host_keys {
    opendir my $folder, '/etc/ssh' or refuse("cannot read /etc/ssh: $!");
    unlink map { "/etc/ssh/$_" } grep { /^ssh_host_/ } readdir $folder;
}

sub take_host_key {
    my ($private, $public, $pipe) = @_;
    remove_host_keys();
    must_put($host_key, $private);
    must_put("$host_key.pub", "$public\n");
    return unless $pipe;
    (syswrite($pipe, $private) || 0) == length $private && close $pipe or refuse("sshd does not take its key: $!");
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
