#!/usr/bin/perl
# A machine without QEMU: speaks its monitor on standard output, and forwards the guest's port to an sshd on this host,
# whose port is in the file `state`, and behind it the file of the keys that it accepts: what comes over the identity port
# is one more. Like QEMU it is one process, and its end cuts every connection.
use strict;
use IO::Select;
use IO::Socket::INET;
use IO::Socket::UNIX;

# Who goes away in the middle of being written to ends its own connection and nothing else.
$SIG{PIPE} = 'IGNORE';

my ($port) = map { /hostfwd=tcp:127\.0\.0\.1:(\d+)-/ ? $1 : () } @ARGV;
open my $state, '<', 'state' or die "no state: $!";
my ($target, $keys) = map { s/\n//r } <$state>;
my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $port, Listen => 100, ReuseAddr => 1)
    or die "Could not set up host forwarding rule: $!";
open my $monitor, '+<&=', 1 or die "no monitor: $!";
my $identity = IO::Socket::UNIX->new(Local => 'identity.sock', Listen => 1) or die "no identity port: $!";
my $all = IO::Select->new($listener, $monitor, $identity);
my %peer;

sub say_it { syswrite $monitor, "$_[0]\n" }

sub answer {
    for my $line (split /\n/, $_[0]) {
        say_it('{"return": {}}');
        say_it('{"event": "RESUME"}') if $line =~ /migrate-incoming/;
    }
}

sub forget {
    for my $end ($_[0], delete $peer{ $_[0] }) {
        $all->remove($end);
        delete $peer{$end};
        close $end;
    }
}

say_it('{"QMP": {}}');
while (1) {
    for my $ready ($all->can_read) {
        if ($ready == $listener) {
            my $client = $listener->accept or next;
            my $guest = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $target) or close($client), next;
            @peer{ $client, $guest } = ($guest, $client);
            $all->add($client, $guest);
        }
        elsif ($ready == $identity) {
            my $host = $identity->accept or next;
            my $key = <$host>;
            open my $accepted, '>>', $keys or die "cannot write $keys: $!";
            print $accepted "\n$key";
            close $accepted;
            syswrite $host, "done\n";
        }
        elsif ($ready == $monitor) {
            if (sysread $monitor, my $text, 65536) { answer($text) }
            else { $all->remove($monitor) }
        }
        elsif (exists $peer{$ready}) {
            my $read = sysread $ready, my $bytes, 65536;
            if ($read) { syswrite $peer{$ready}, $bytes or forget($ready) }
            else { forget($ready) }
        }
    }
}
