# Goes on as the program that it is given, in a unit of its own in systemd, out of reach of whatever limits sshd; where
# systemd does not run, for this login at least, without one.

my $own = "$ENV{HOME}/.vm-task";

sub unit {
    my $runtime = "/run/user/$<";
    return () unless -d '/run/systemd/system' && ($< == 0 || -S "$runtime/systemd/private");
    $ENV{XDG_RUNTIME_DIR} = $runtime if $<;
    my ($seconds) = clock($monotonic);
    return ('systemd-run', $< ? '--user' : (), '--scope', '--quiet', '--collect', '--property=Delegate=yes',
        "--unit=vm-task-$seconds-$$.scope", '--description=tasks of vm-task');
}

my $request = request();
my $file = "$own/.controller-$$";
mkdir $own, 0700;
put($file, $request->{program}[0]) or refuse("cannot write $file: $!");
delete @ENV{ grep { /^SSH_/ } keys %ENV };
exec unit(), 'perl', $file or refuse("cannot start perl in a unit: $!");
