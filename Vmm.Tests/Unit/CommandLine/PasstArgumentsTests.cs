using Vmm.Core.Backends.Net;
using static Vmm.Tests.Unit.CommandLine.CommandLines;

namespace Vmm.Tests.Unit.CommandLine;

/// <summary>What -netdev user tells passt.</summary>
[Parallelizable(ParallelScope.All)]
public sealed class PasstArgumentsTests
{
    [TestCase("", "")]
    [TestCase("ipv4=on,ipv6=on", "")]
    [TestCase("restrict=off", "")]
    [TestCase("ipv6=off", "--ipv4-only")]
    [TestCase("ipv4=on", "--ipv4-only")]
    [TestCase("ipv4=off", "--ipv6-only")]
    [TestCase("ipv6=on", "--ipv6-only")]
    [TestCase("net=10.0.2.0/24", "--address 10.0.2.15 --netmask 24 --gateway 10.0.2.2")]
    [TestCase("net=192.168.76.9/255.255.255.0", "--address 192.168.76.15 --netmask 24 --gateway 192.168.76.2")]
    [TestCase("net=10.0.0.0/8", "--address 10.0.2.15 --netmask 8 --gateway 10.0.2.2")]
    [TestCase("host=10.0.2.7", "--address 10.0.2.15 --netmask 24 --gateway 10.0.2.7")]
    [TestCase("dhcpstart=10.0.2.9", "--address 10.0.2.9 --netmask 24 --gateway 10.0.2.2")]
    [TestCase("net=172.20.0.0/16,host=172.20.0.1,dhcpstart=172.20.1.1", "--address 172.20.1.1 --netmask 16 --gateway 172.20.0.1")]
    [TestCase("dns=10.0.2.3", "--dns-forward 10.0.2.3")]
    [TestCase("net=10.0.2.0/24,dns=10.0.2.3", "--address 10.0.2.15 --netmask 24 --gateway 10.0.2.2 --dns-forward 10.0.2.3")]
    [TestCase("ipv6-dns=fec0::3", "--dns-forward fec0::3")]
    [TestCase("hostfwd=tcp::2222-:22", "--tcp-ports 2222:22 --udp-ports none")]
    [TestCase("hostfwd=::2222-:22", "--tcp-ports 2222:22 --udp-ports none")]
    [TestCase("hostfwd=tcp:127.0.0.1:2222-:22", "--tcp-ports 127.0.0.1/2222:22 --udp-ports none")]
    [TestCase("hostfwd=udp::5353-:53", "--udp-ports 5353:53")]
    [TestCase("hostfwd=tcp::53-:53,hostfwd=udp:127.0.0.1:53-:53", "--tcp-ports 53:53 --udp-ports 127.0.0.1/53:53")]
    [TestCase("hostfwd=tcp:127.0.0.1:80-:80,hostfwd=tcp:127.0.0.2:81-:80", "--tcp-ports 127.0.0.1/80:80 --tcp-ports 127.0.0.2/81:80 --udp-ports none")]
    [TestCase("net=10.0.2.0/24,hostfwd=tcp::80-10.0.2.15:80", "--address 10.0.2.15 --netmask 24 --gateway 10.0.2.2 --tcp-ports 80:80 --udp-ports none")]
    public void Options_become_arguments(string keys, string arguments) =>
        Assert.That(string.Join(' ', ((UserNetdevConfiguration)Machine($"-netdev user,id=n,{keys}").Netdevs.Single()).Arguments), Is.EqualTo(arguments));

    [TestCase("ipv4=off,ipv6=off", "IPv4 and IPv6 disabled")]
    [TestCase("restrict=on", "restrict=on is not supported: expected off; passt has no network without the host's")]
    [TestCase("net=foo", "Failed to parse netmask: expected net=ADDRESS/BITS, as 10.0.2.0/24, with 4 to 30 bits, not 'foo'")]
    [TestCase("net=10.0.2.0", "Failed to parse netmask")]
    [TestCase("net=10.0.2.0/31", "Failed to parse netmask")]
    [TestCase("net=10.0.2.0/3", "Failed to parse netmask")]
    [TestCase("net=10.0.2.0/255.0.255.0", "Failed to parse netmask")]
    [TestCase("net=10.2/16", "Failed to parse netmask")]
    [TestCase("host=foo", "Failed to parse host: expected an IPv4 address, not 'foo'")]
    [TestCase("host=10.0.3.2", "Host doesn't belong to network: 10.0.3.2 is not in 10.0.2.0/24")]
    [TestCase("dhcpstart=10.0.3.2", "DHCP doesn't belong to network: 10.0.3.2 is not in 10.0.2.0/24")]
    [TestCase("dhcpstart=x", "Failed to parse DHCP start address: expected an IPv4 address, not 'x'")]
    [TestCase("dhcpstart=10.0.2.2", "DHCP must be different from host: both are 10.0.2.2")]
    [TestCase("net=10.0.2.0/24,dns=10.0.2.2", "DNS must be different from host")]
    [TestCase("net=10.0.2.0/24,dns=10.0.2.15", "DNS must be different from DHCP")]
    [TestCase("dns=fec0::3", "Failed to parse DNS: expected an IPv4 address, not 'fec0::3'")]
    [TestCase("ipv6-dns=10.0.2.3", "Failed to parse IPv6 DNS: expected an IPv6 address, not '10.0.2.3'")]
    [TestCase("ipv6-dns=fec0::3%1", "Failed to parse IPv6 DNS")]
    [TestCase("dnssearch=-x", "Parameter 'dnssearch' expects the name of a domain, not '-x'")]
    [TestCase("dnssearch=a b", "Parameter 'dnssearch' expects the name of a domain, not 'a b'")]
    [TestCase("ipv4=off,hostfwd=tcp::1-:1", "net, host, dhcpstart, dns and hostfwd are IPv4's: expected ipv4=on, or none of them")]
    [TestCase("ipv6=off,ipv6-dns=fec0::3", "ipv6-dns is IPv6's: expected ipv6=on, or no ipv6-dns")]
    [TestCase("hostfwd=foo", "Invalid host forwarding rule 'foo' (No : separators)")]
    [TestCase("hostfwd=sctp::1-:1", "Invalid host forwarding rule 'sctp::1-:1' (Bad protocol name)")]
    [TestCase("hostfwd=tcp:1", "Invalid host forwarding rule 'tcp:1' (Missing : separator)")]
    [TestCase("hostfwd=tcp:host:1-:1", "Invalid host forwarding rule 'tcp:host:1-:1' (Bad host address)")]
    [TestCase("hostfwd=tcp::1", "Invalid host forwarding rule 'tcp::1' (Bad host port separator)")]
    [TestCase("hostfwd=tcp::0-:1", "Invalid host forwarding rule 'tcp::0-:1' (Bad host port)")]
    [TestCase("hostfwd=tcp::65536-:1", "Invalid host forwarding rule 'tcp::65536-:1' (Bad host port)")]
    [TestCase("hostfwd=tcp::1-2", "Invalid host forwarding rule 'tcp::1-2' (Missing guest address)")]
    [TestCase("hostfwd=tcp::1-x:2", "Invalid host forwarding rule 'tcp::1-x:2' (Bad guest address)")]
    [TestCase("hostfwd=tcp::1-:", "Invalid host forwarding rule 'tcp::1-:' (Bad guest port)")]
    [TestCase("hostfwd=tcp::1-10.0.2.15:2", "hostfwd leads to the guest's own address: expected no guest address, not 10.0.2.15")]
    [TestCase("net=10.0.2.0/24,hostfwd=tcp::1-10.0.2.16:2", "hostfwd leads to the guest's own address: expected no guest address, or 10.0.2.15, not 10.0.2.16")]
    [TestCase("hostfwd=tcp::1-:1,hostfwd=tcp:127.0.0.1:1-:2", "Could not set up host forwarding rule 'tcp:127.0.0.1:1-:2': another rule has the port")]
    [TestCase("hostfwd=tcp:127.0.0.1:1-:1,hostfwd=tcp:127.0.0.2:1-:2", "Could not set up host forwarding rule 'tcp:127.0.0.2:1-:2': another rule has the port, and passt forwards each once")]
    public void What_makes_no_sense_to_passt_is_refused(string keys, string why) =>
        Assert.That(Refusal($"-kernel k -netdev 'user,id=n,{keys}'"), Does.StartWith($"-netdev user,id=n,{keys}: {why}"));
}
