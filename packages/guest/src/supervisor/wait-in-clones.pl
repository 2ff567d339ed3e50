# Waits in a machine that is being frozen, loaded: in each clone it first takes an identity, and then starts and follows
# jobs for whoever connects to its socket, which needs a login.

my ($unix, $stream) = (1, 1);
my $backlog = 128;

sub listen_at {
    my ($path) = @_;
    my ($folder) = $path =~ m{^(.+)/};
    mkdir $folder, 0755;
    unlink $path;
    socket my $listener, $unix, $stream, 0 or refuse("cannot make a socket: $!");
    bind $listener, pack 'S Z*', $unix, $path or refuse("cannot bind $path: $!");
    chmod 0600, $path;
    listen $listener, $backlog or refuse("cannot listen at $path: $!");
    return $listener;
}

# One process for each connection, which ends with it.
sub serve_jobs {
    my ($listener) = @_;
    local $SIG{CHLD} = 'IGNORE';
    while (1) {
        accept my $channel, $listener or next;
        my $pid = fork;
        if (defined $pid && $pid == 0) {
            $SIG{CHLD} = 'DEFAULT';
            close $listener;
            open STDIN, '<&', $channel;
            open STDOUT, '>&', $channel;
            close $channel;
            *DATA = *STDIN;
            serve_job();
            exit 0;
        }
    }
}

my $request = request();
my $port = open_port();
my $listener = listen_at($request->{socket}[0]);
my $key_pipe = hold_sshd();
put('/proc/self/oom_score_adj', -1000);
# The first control group takes longest, because controllers are switched on for it.
my $group = make_group({});
remove_group($group) if defined $group;
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
    take_identity($port, $key_pipe);
    close $port;
    serve_jobs($listener);
}
close $is_waiting;
<$waits>;
answer('done', '');
