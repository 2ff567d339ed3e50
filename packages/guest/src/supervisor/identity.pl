# The verbs by which a clone becomes a machine of its own, and proves it. Both end by telling the clock: at the
# request for it, so that the time that this program takes to start is no part of the answer.

my ($add_entropy, $reseed) = (0x40085203, 0x5207);

sub must_put {
    my ($path, $bytes) = @_;
    put($path, $bytes) or refuse("cannot write $path: $!");
}

# In place, because a machine-id may be a mount of its own.
sub take_identity {
    my ($request) = @_;
    my %is = map { $_ => $request->{$_}[0] } 'seed', 'machineid', 'hostname', 'hostkey', 'hostpublic', 'loginkey';
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
    my ($seconds, $nanoseconds) = request()->{now}[0] =~ /^(\d+)\.(\d{9})$/ or refuse('that is no time');
    my $time = pack 'q2', $seconds, $nanoseconds;
    syscall($call{clock_settime}, $realtime, $time) == 0 or refuse("cannot set the clock: $!");
    reload_sshd();
    answer('done', '');
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

# Returns once sshd listens again with the new key, which it says by writing its process id anew. Without one there is
# no listening sshd but one per connection, which reads the new key by itself.
sub reload_sshd {
    my $file = '/run/sshd.pid';
    my ($pid) = (contents($file) || '') =~ /^(\d+)/ or return;
    unlink $file;
    kill 'HUP', $pid or refuse("cannot reload sshd, process $pid: $!");
    for (1 .. 2000) {
        return if (contents($file) || '') =~ /^\d/;
        select undef, undef, undef, 0.01;
    }
    refuse("sshd, process $pid, did not come back within 20 s of its reload");
}

sub prove {
    open my $random, '<:raw', '/dev/urandom' or refuse("cannot open /dev/urandom: $!");
    sysread $random, my $bytes, 64;
    answer('random', $bytes);
    answer('machineid', contents('/etc/machine-id'));
    answer('hostname', contents('/proc/sys/kernel/hostname'));
    answer('loginkeys', contents("$ENV{HOME}/.ssh/authorized_keys"));
    answer('done', '');
    request();
    answer('now', sprintf '%d.%09d', clock($realtime));
}

my $request = request();
{ takeidentity => \&take_identity, prove => \&prove }->{ $request->{verb}[0] }->($request);
