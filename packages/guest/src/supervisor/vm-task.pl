#!/usr/bin/perl
# What a task may ask of vm-task from inside its VM, over the socket that its runner holds open. Only perl-base is
# needed, and no module of it: without hardware virtualisation each one that is loaded is felt.
use strict;

my $usage = <<'END';
usage: vm-task COMMAND

  show                        this task: id, attempt, VM, labels, deadline
  inputs                      its inputs, as JSON
  needs                       what the stages that it needs left behind, as JSON
  progress [--percent N] TEXT…    shown live to whoever watches
  complete [--result TEXT]    sets the result; without --result it is standard input, byte for byte
  alert [--severity info|warning|critical] [--link TITLE=URL] TEXT…
  send --to NAME [--priority urgent|normal|info] TEXT…
  inbox [--after N]           messages to this task, or to its named VM, as JSON
  submit [--key KEY] [FILE]   a task file, YAML or JSON, or standard input; prints the new task's id
  task ID                     what became of a task that this one submitted

Exit codes: 0 done, 1 refused (the reason is on standard error), 2 wrong usage, 75 nobody answers.
END

# A runner that died has a successor within seconds.
my $patience_seconds = 40;
my $pause_seconds = 0.25;
# A runner that is stopped, and not dead, never answers.
my $answer_seconds = 15;

my $socket = $ENV{VM_TASK_API} || '/run/vm-task/api.sock';
binmode $_ for \*STDIN, \*STDOUT, \*STDERR;

sub misused {
    print STDERR "vm-task: $_[0]\n\n$usage";
    exit 2;
}

# One request and its answer's status and body; nothing when there is no whole answer in time.
sub ask_once {
    my ($request) = @_;
    my @answer;
    eval {
        local $SIG{ALRM} = sub { die "late\n" };
        alarm $answer_seconds;
        @answer = exchange($request);
    };
    alarm 0;
    return @answer;
}

sub exchange {
    my ($request) = @_;
    socket my $runner, 1, 1, 0 or return;
    connect $runner, pack('S a108', 1, $socket) or return;
    binmode $runner;
    local $SIG{PIPE} = 'IGNORE';
    my $sent = 0;
    while ($sent < length $request) {
        my $n = syswrite $runner, $request, length($request) - $sent, $sent;
        # Refused already: why is in the answer.
        last unless defined $n;
        $sent += $n;
    }
    my $answer = '';
    while (1) {
        my $n = sysread $runner, $answer, 65536, length $answer;
        return unless defined $n;
        last unless $n;
    }
    my ($head, $body) = split /\r\n\r\n/, $answer, 2;
    return unless defined $body && $head =~ m{\AHTTP/1\.1 (\d{3}) };
    my $status = $1;
    return if $head =~ /^content-length: (\d+)\r?$/mi && length $body < $1;
    return ($status, $body);
}

# The answer's body. Repeated with the same key until somebody answers, so that nothing is done twice.
sub ask {
    my ($method, $path, $body, %headers) = @_;
    if (!$ENV{VM_TASK_API} && !-e $socket) {
        print STDERR "vm-task: there is no $socket: this is no task's process, or its machine lets sshd forward no socket\n";
        exit 75;
    }
    $body = '' unless defined $body;
    $headers{Host} = 'vm-task';
    $headers{Connection} = 'close';
    $headers{'Content-Length'} = length $body;
    my $request = "$method $path HTTP/1.1\r\n" . join('', map { "$_: $headers{$_}\r\n" } sort keys %headers) . "\r\n$body";
    my $give_up = time + $patience_seconds;
    while (1) {
        my ($status, $answer) = ask_once($request);
        return $answer if defined $status && $status < 300;
        if (defined $status && $status < 500) {
            print STDERR 'vm-task: ' . detail($answer) . "\n";
            exit 1;
        }
        if (time > $give_up) {
            print STDERR "vm-task: nobody answers at $socket" . (defined $status ? ': ' . detail($answer) : '') . "\n";
            exit 75;
        }
        select undef, undef, undef, $pause_seconds;
    }
}

# The sentence of a problem document.
sub detail {
    my ($answer) = @_;
    return $answer unless $answer =~ /"detail":"((?:[^"\\]|\\.)*)"/;
    my $text = $1;
    my %plain = (n => "\n", t => "\t", r => '', b => '', f => '');
    $text =~ s/\\u[0-9a-f]{4}/?/gi;
    $text =~ s/\\(.)/exists $plain{$1} ? $plain{$1} : $1/ge;
    return $text;
}

sub json {
    my ($text) = @_;
    $text =~ s/(["\\])/\\$1/g;
    $text =~ s/([\x00-\x1f])/sprintf '\\u%04x', ord $1/ge;
    return "\"$text\"";
}

sub object {
    my @pairs;
    while (my ($name, $value) = splice @_, 0, 2) {
        push @pairs, json($name) . ":$value" if defined $value;
    }
    return '{' . join(',', @pairs) . '}';
}

# A key for this one call.
sub own_key {
    open my $random, '<:raw', '/dev/urandom' or die "cannot open /dev/urandom: $!\n";
    sysread $random, my $bytes, 16;
    return unpack 'H*', $bytes;
}

# The options of @_ that may be given, each as often as it likes; the words behind them stay in @words.
my @words = @ARGV;

sub options {
    my %may = map { $_ => 1 } @_;
    my %given;
    while (@words && $words[0] =~ /\A--(.*)\z/s) {
        shift @words;
        last if $1 eq '';
        my ($name, $value) = split /=/, $1, 2;
        misused("there is no option --$name here") unless $may{$name};
        $value = shift @words unless defined $value;
        misused("--$name needs a value") unless defined $value;
        push @{ $given{$name} }, $value;
    }
    return %given;
}

sub no_words {
    misused("\"$words[0]\" is one word too many") if @words;
}

sub everything_from {
    my ($file) = @_;
    local $/;
    my $bytes = <$file>;
    return defined $bytes ? $bytes : '';
}

# What is said: the words, or standard input where there are none.
sub text {
    return join ' ', @words if @words && "@words" ne '-';
    my $text = everything_from(\*STDIN);
    $text =~ s/\n\z//;
    return $text;
}

sub show {
    my ($answer) = @_;
    print $answer, $answer =~ /\n\z/ ? '' : "\n";
}

my %json_body = ('Content-Type' => 'application/json');

my %commands = (
    show => sub { no_words(); show(ask('GET', '/v1/task')) },
    inputs => sub { no_words(); show(ask('GET', '/v1/inputs')) },
    needs => sub { no_words(); show(ask('GET', '/v1/needs')) },
    progress => sub {
        my %given = options('percent');
        my $percent = $given{percent} && $given{percent}[-1];
        misused("--percent needs a number") if defined $percent && $percent !~ /\A\d+(?:\.\d+)?\z/;
        my $text = @words ? json(text()) : undef;
        ask('POST', '/v1/progress', object(percent => $percent, text => $text), %json_body);
    },
    complete => sub {
        my %given = options('result');
        no_words();
        my $result = $given{result} ? $given{result}[-1] : everything_from(\*STDIN);
        ask('POST', '/v1/complete', $result, 'Content-Type' => 'application/octet-stream', 'Idempotency-Key' => own_key());
    },
    alert => sub {
        my %given = options('severity', 'link', 'key');
        my @links = map { my ($title, $href) = split /=/, $_, 2; object(title => json($title), href => json(defined $href ? $href : $title)) } @{ $given{link} || [] };
        my $severity = $given{severity} ? $given{severity}[-1] : 'warning';
        my $body = object(severity => json($severity), text => json(text()), links => '[' . join(',', @links) . ']');
        ask('POST', '/v1/alerts', $body, %json_body, $given{key} ? ('Idempotency-Key' => $given{key}[-1]) : ());
    },
    send => sub {
        my %given = options('to', 'priority', 'key');
        misused('say to whom, with --to') unless $given{to};
        my $body = object(
            to => json($given{to}[-1]), text => json(text()), priority => $given{priority} && json($given{priority}[-1]),
        );
        my $key = $given{key} ? $given{key}[-1] : own_key();
        show(ask('POST', '/v1/messages', $body, %json_body, 'Idempotency-Key' => $key) =~ /"id":"([^"]+)"/ ? $1 : '');
    },
    inbox => sub {
        my %given = options('after');
        no_words();
        my $after = $given{after} ? $given{after}[-1] : 0;
        misused('--after needs a number') unless $after =~ /\A\d+\z/;
        show(ask('GET', "/v1/messages?after=$after"));
    },
    submit => sub {
        my %given = options('key');
        my $file = shift @words;
        no_words();
        my $from = \*STDIN;
        if (defined $file && $file ne '-' && !open $from, '<:raw', $file) {
            print STDERR "vm-task: cannot read $file: $!\n";
            exit 1;
        }
        my $key = $given{key} && $given{key}[-1];
        my %headers = ('Content-Type' => 'application/yaml', defined $key ? ('Idempotency-Key' => $key) : ());
        show(ask('POST', '/v1/tasks', everything_from($from), %headers) =~ /"id":"([^"]+)"/ ? $1 : '');
    },
    task => sub {
        my $id = shift @words;
        no_words();
        misused('say which task') unless defined $id && $id =~ /\A[0-9a-f-]{1,64}\z/;
        show(ask('GET', "/v1/tasks/$id"));
    },
);

my $command = shift @words;
if (!defined $command || $command eq '--help' || $command eq 'help') {
    print $usage;
    exit defined $command ? 0 : 2;
}
misused("there is no command \"$command\"") unless $commands{$command};
$commands{$command}->();
