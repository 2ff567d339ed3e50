# The watchdog of one lease: ends the lease at its deadline when nobody else did, whatever became of its controller.

my $look_seconds = 60;

sub hold {
    my ($vm, $group) = @_;
    while (1) {
        my $owner = owner();
        return unless $owner && $owner->{vm} eq $vm;
        last if $owner->{left} <= 0;
        sleep($owner->{left} < $look_seconds ? $owner->{left} + 1 : $look_seconds);
    }
    my $mutex = enter();
    $spared = 'holder';
    clear($vm);
    return unless $group =~ m{\A(.*)/\Q$vm\E\z};
    # It was in the group that it removed.
    put("$1/controller/cgroup.procs", $$);
    rmdir "$group/holder";
    rmdir $group;
}
