using Vmm.Core.Configuration;
using static Vmm.Tests.Unit.CommandLine.CommandLines;

namespace Vmm.Tests.Unit.CommandLine;

public sealed class GuestVisiblePropertiesTests
{
    private const string Full = "-cpu host,+avx2,-svm -smp 2 -object memory-backend-memfd,id=mem0,size=512M -machine memory-backend=mem0 "
        + "-serial file:/s -debugcon null -device isa-debug-exit,iobase=0xf4 -uuid 01234567-89ab-cdef-0123-456789abcdef";

    [Test]
    public void Properties_are_in_the_operators_words() =>
        Assert.That(GuestVisibleProperties.Of(Machine(Full)).Select(f => $"{f.Subject} {f.Property} {f.Value}"), Is.EqualTo(new[]
        {
            "machine type microvm",
            "machine acpi on",
            "machine uuid 01234567-89ab-cdef-0123-456789abcdef",
            "cpu model host,+avx2,-svm",
            "cpu count 2",
            "cpu sockets 1",
            "cpu cores 2",
            "cpu threads 1",
            "memory size 536870912",
            "memory backend mem0",
            "memory share on",
            "memory backend mem0 type memory-backend-memfd",
            "memory backend mem0 size 536870912",
            "memory backend mem0 share on",
            "memory backend mem0 hugetlb off",
            "memory backend mem0 hugetlbsize 0",
            "device serial0 iobase 0x3f8",
            "device serial0 irq 4",
            "device serial0 id none",
            "device serial0 chardev file",
            "device isa-debugcon iobase 0xe9",
            "device isa-debugcon chardev null",
            "device isa-debug-exit iobase 0xf4",
            "device isa-debug-exit iosize 2",
        }));

    [TestCase("-S -no-reboot -no-shutdown -name b,debug-threads=on -pidfile /p -D /l -d all -msg timestamp=on")]
    [TestCase("-incoming unix:/vm -cpr-uri unix:/cpr -global migration.x-events=on")]
    [TestCase("-qmp unix:/q,server=on -monitor stdio")]
    [TestCase("-initrd /i -append quiet -kernel /other")]
    public void What_a_guest_cannot_see_is_not_guest_visible(string options) =>
        Assert.That(GuestVisibleProperties.Of(Machine($"{Full} {options}")), Is.EqualTo(GuestVisibleProperties.Of(Machine(Full))));

    [Test]
    public void A_back_end_that_nothing_uses_is_compared_because_it_has_clients_of_its_own() => Assert.That(
        GuestVisibleProperties.Of(Machine($"{Full} -chardev pty,id=unused")).Except(GuestVisibleProperties.Of(Machine(Full))),
        Is.EqualTo(new[] { new PropertyValue("chardev unused", "backend", "pty") }));

    [Test]
    public void A_netdev_without_a_card_is_compared_and_the_new_process_may_have_more()
    {
        var found = GuestVisibleProperties.Of(Machine($"{Full} -netdev tap,id=t,script=no,downscript=no -netdev user,id=u")).Except(GuestVisibleProperties.Of(Machine(Full))).ToList();

        Assert.That(found, Is.EqualTo(new[] { new PropertyValue("netdev t", "type", "tap"), new PropertyValue("netdev u", "type", "user") }));
        Assert.That(found.Select(GuestVisibleProperties.MayBeNew), Is.All.True);
    }

    [TestCase("tap,id=n", "tap 1 on")]
    [TestCase("tap,id=n,queues=4,vnet_hdr=off", "tap 4 off")]
    [TestCase("tap,id=n,vnet_hdr=on,ifname=t", "tap 1 on")]
    [TestCase("tap,id=n,fds=7:8", "tap 2 on")]
    [TestCase("stream,id=n,addr.type=unix,addr.path=/s", "stream 1 off")]
    [TestCase("user,id=n", "user 1 off")]
    public void Of_the_back_end_of_a_card_the_kind_the_queues_and_the_headers_are_compared(string netdev, string expected) => Assert.That(
        string.Join(' ', GuestVisibleProperties.Of(Machine($"{Full} -netdev {netdev} -device virtio-net-device,netdev=n,id=nic0"))
            .Where(property => property.Subject.StartsWith("device virtio-net-device at ", StringComparison.Ordinal) && property.Property.StartsWith("netdev", StringComparison.Ordinal)).Select(property => property.Value)),
        Is.EqualTo(expected));

    [TestCase("-netdev tap,id=n,ifname=a", "-netdev tap,id=n,ifname=b", "netdev n path")]
    [TestCase("-netdev stream,id=n,addr.type=unix,addr.path=/a", "-netdev stream,id=n,addr.type=unix,addr.path=/b", "netdev n path")]
    [TestCase("-netdev user,id=n", "-netdev user,id=n,ipv6=off", "netdev n path")]
    [TestCase("-nic tap,ifname=a", "-nic tap,ifname=b", "device virtio-net-device at virtio-mmio-bus.23 netdev path")]
    [TestCase("-append a", "-append b", "boot append")]
    [TestCase("-kernel /a", "-kernel /b", "boot kernel")]
    [TestCase("-initrd /a", "", "boot initrd")]
    [TestCase("-name a", "-name b", "machine name")]
    [TestCase("-S", "", "machine S")]
    [TestCase("-no-reboot", "", "machine no-reboot")]
    [TestCase("-no-shutdown", "", "machine no-shutdown")]
    [TestCase("-M dump-guest-core=off", "", "machine dump-guest-core")]
    [TestCase("-serial file:/a", "-serial file:/b", "device serial0 path")]
    [TestCase("-object memory-backend-file,id=a,size=1M,mem-path=/a", "-object memory-backend-file,id=a,size=1M,mem-path=/b", "memory backend a mem-path")]
    public void What_only_an_operator_can_see_is_host_only(string one, string other, string difference)
    {
        Assert.That(GuestVisibleProperties.Of(Machine(one)), Is.EqualTo(GuestVisibleProperties.Of(Machine(other))));

        var differences = HostOnlyProperties.Of(Machine(one)).Except(HostOnlyProperties.Of(Machine(other)));
        Assert.That(differences.Select(f => $"{f.Subject} {f.Property}"), Is.EqualTo(new[] { difference }));
    }

    [TestCase("-m 256", "-m 512", "memory size")]
    [TestCase("-smp 2", "-smp 2,sockets=2", "cpu sockets")]
    [TestCase("-cpu host", "-cpu max", "cpu model")]
    [TestCase("-cpu host", "-cpu host,-avx2", "cpu model")]
    [TestCase("-M acpi=on", "-M acpi=off", "machine acpi")]
    [TestCase("-M anon-alloc=memfd", "", "memory share")]
    [TestCase("-serial null", "-serial pty", "device serial0 chardev")]
    [TestCase("-serial null", "-serial none", "device serial0 iobase")]
    [TestCase("-device isa-debug-exit", "", "device isa-debug-exit iobase")]
    public void What_a_guest_can_see_is_guest_visible(string one, string other, string difference)
    {
        var differences = GuestVisibleProperties.Of(Machine(one)).Except(GuestVisibleProperties.Of(Machine(other)));

        Assert.That(differences.Select(f => $"{f.Subject} {f.Property}"), Does.Contain(difference));
    }

    [Test]
    public void The_order_of_features_and_backends_does_not_matter()
    {
        const string A = "-object memory-backend-ram,id=a,size=1M ";
        const string B = "-object memory-backend-ram,id=b,size=1M ";

        Assert.That(
            GuestVisibleProperties.Of(Machine($"{A}{B}-cpu host,+avx2,-svm")),
            Is.EqualTo(GuestVisibleProperties.Of(Machine($"{B}{A}-cpu host,+svm,-svm,+avx2"))));
    }
}
