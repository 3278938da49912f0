using System.Buffers.Binary;
using Vmm.Core.Backends.Net;

namespace Vmm.Tests.Unit.Backends.Net;

/// <summary>Debian's passt itself, where it is installed.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class PasstProgramTests : IDisposable
{
    private static readonly byte[] Mac = [0x52, 0x54, 0, 0x12, 0x34, 0x56];

    private readonly StreamBench _bench = new();

    public PasstProgramTests()
    {
        if (!File.Exists("/usr/bin/passt"))
        {
            _bench.Dispose();
            Assert.Ignore("passt is not on this host: install the Debian package 'passt'");
        }
    }

    public void Dispose() => _bench.Dispose();

    [Test]
    public void A_guest_gets_an_address_in_one_process_and_again_in_the_next()
    {
        var old = User();
        old.Open();
        old.Start();
        var device = _bench.Keep(new StreamDevice(old));
        device.Start();
        device.Send(Discover(1));
        byte[] first = OfferOf(device, 1);
        var next = User();
        StreamDevice? nextDevice = null;

        StreamBench.HandOver(old, device, next, () => nextDevice = _bench.Keep(new StreamDevice(next)));
        nextDevice!.Send(Discover(2));

        Assert.That(OfferOf(nextDevice, 2), Is.EqualTo(first));
        Assert.That(first, Is.Not.EqualTo(new byte[4]));
        next.Dispose();
        _bench.WaitFor(() => !Directory.EnumerateDirectories("/proc").Any(IsOurs), "it has ended");
    }

    [Test]
    public void Arguments_that_it_does_not_take_refuse_the_start()
    {
        var user = User("--no-such-option");

        Assert.That(user.Open, Throws.TypeOf<NetException>().With.Message.StartsWith("netdev 'passt-test': passt exited with status 1: "));
    }

    private static bool IsOurs(string process)
    {
        try
        {
            return File.ReadAllText(Path.Combine(process, "cmdline")).Contains("198.51.100.77", StringComparison.Ordinal);
        }
        catch (IOException)
        {
            return false;
        }
    }

    // An address that no other program is asked for marks the process, and is the one that the guest is offered.
    private UserNetdev User(params string[] more) => _bench.Keep(new UserNetdev(
        new UserNetdevConfiguration("passt-test") { Arguments = ["--ipv4-only", "--address", "198.51.100.77", "--netmask", "255.255.255.0", "--gateway", "198.51.100.1", .. more] },
        _bench.Loop,
        _bench.Log));

    /// <summary>The address that the answer to a request offers.</summary>
    private static byte[] OfferOf(StreamDevice device, uint transaction)
    {
        const int Bootp = 14 + 20 + 8;
        while (true)
        {
            byte[] frame = device.Take();
            if (frame.Length > Bootp + 20 && frame[12] == 8 && frame[13] == 0 && BinaryPrimitives.ReadUInt32BigEndian(frame.AsSpan(Bootp + 4)) == transaction)
            {
                return frame[(Bootp + 16)..(Bootp + 20)];
            }
        }
    }

    /// <summary>A DHCPDISCOVER.</summary>
    private static byte[] Discover(uint transaction)
    {
        byte[] bootp = new byte[300];
        (bootp[0], bootp[1], bootp[2], bootp[10]) = (1, 1, 6, 0x80);
        BinaryPrimitives.WriteUInt32BigEndian(bootp.AsSpan(4), transaction);
        Mac.CopyTo(bootp, 28);
        ((byte[])[0x63, 0x82, 0x53, 0x63, 53, 1, 1, 255]).CopyTo(bootp, 236);
        byte[] udp = [0, 68, 0, 67, 0, 0, 0, 0, .. bootp];
        BinaryPrimitives.WriteUInt16BigEndian(udp.AsSpan(4), (ushort)udp.Length);
        byte[] ip = [0x45, 0, 0, 0, 0, 1, 0, 0, 64, 17, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255];
        BinaryPrimitives.WriteUInt16BigEndian(ip.AsSpan(2), (ushort)(ip.Length + udp.Length));
        uint sum = 0;
        for (int i = 0; i < ip.Length; i += 2)
        {
            sum += BinaryPrimitives.ReadUInt16BigEndian(ip.AsSpan(i));
        }

        BinaryPrimitives.WriteUInt16BigEndian(ip.AsSpan(10), (ushort)~((sum & 0xffff) + (sum >> 16)));
        return [.. Enumerable.Repeat((byte)255, 6), .. Mac, 8, 0, .. ip, .. udp];
    }
}
