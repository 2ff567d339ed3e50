#!/usr/bin/perl
# log-writer.pl FILE MAX-BYTES: appends its standard input to FILE until that ends. A file that would be larger becomes
# FILE.1, in the place of the one before, at the end of a line. Whatever happens to the disk, whoever writes to us never
# waits for it: what cannot be stored is lost. A process of its own, because a log outlives the supervisor.
use strict;
use warnings;

my ($file, $max_bytes) = @ARGV;
my $chunk_bytes = 65_536;
$SIG{$_} = 'IGNORE' for qw(HUP INT TERM PIPE);
umask 0077;
chdir '/';

my ($log, $size);

sub begin {
  open $log, '>>', $file or undef $log;
  $size = $log ? -s $log : 0;
}

sub store {
  my ($text) = @_;
  begin() unless $log;
  while ($log && length $text) {
    my $written = syswrite $log, $text;
    return unless defined $written;
    $size += $written;
    substr $text, 0, $written, '';
  }
}

sub rotate {
  close $log if $log;
  rename $file, "$file.1";
  begin();
}

begin();
while (1) {
  my $read = sysread STDIN, my $chunk, $chunk_bytes;
  next if !defined $read && $!{EINTR};
  last unless $read;
  if ($size && $size + length $chunk > $max_bytes - $chunk_bytes) {
    # The line that the file ends with is completed in it.
    my $line_end = index $chunk, "\n";
    store(substr $chunk, 0, $line_end + 1, '') if $line_end >= 0;
    rotate();
  }
  store($chunk);
}
