using Vmm.Core.Chardevs;
using Vmm.Core.Native;
using Vmm.Core.State;
using Vmm.Tests.Faults.Descriptors;
using Vmm.Tests.Unit.Descriptors;

namespace Vmm.Tests.Unit.Chardevs;

/// <summary>Every kind of descriptor in the place of what a back end is promised: it is refused, or it is lived with.</summary>
[Parallelizable(ParallelScope.All)]
public sealed class ForeignChardevTests
{
    private static readonly string[] Names =
        ["chardev/c/ring", "chardev/c/log", "chardev/c/file", "chardev/c/pty", "chardev/c/listener", "chardev/c/connection"];

    [TestCaseSource(nameof(Cases))]
    public async Task It_is_refused_with_a_reason_or_holds_nothing_up(string name, string kind)
    {
        using var bench = new ChardevBench();
        using var foreign = ForeignDescriptor.Make(kind, bench.Directory);
        var chardev = Keeping(bench, name);
        using var crossed = HandedOver.With((name, FileDescriptor.Duplicate(foreign.Handle)));
        try
        {
            chardev.Adopt(crossed);
        }
        catch (IOException refusal)
        {
            Assert.That(refusal.Message, Is.Not.Empty);
            return;
        }

        chardev.Start();
        var writer = new StateWriter();
        for (int i = 0; i < 20; i++)
        {
            chardev.Write(new byte[1000]);
        }

        await Task.WhenAny(chardev.DeliveredAsync(), bench.Loop.TurnAsync());
        Assert.That(chardev.FileName, Is.Not.Empty);
        chardev.Quiesce();
        chardev.Save(writer);
        chardev.Release();
    }

    private static IEnumerable<object[]> Cases() =>
        from name in Names
        from kind in ForeignDescriptor.Kinds
        where kind != "KVM device" || File.Exists("/dev/kvm")
        select (object[])[name, kind];

    private static Chardev Keeping(ChardevBench bench, string name)
    {
        var loop = bench.Loop;
        return name.Split('/')[^1] switch
        {
            "ring" => bench.Keep(new RingbufChardev("c", loop, 64)),
            "log" => bench.Keep(new NullChardev("c", loop) { Log = new OutputLog("c", bench.PathOf("log"), append: false) }),
            "file" => bench.Keep(new FileChardev("c", loop, bench.PathOf("file"), append: false)),
            "pty" => bench.Keep(new PtyChardev("c", loop)),
            "listener" => bench.Keep(new SocketChardev("c", loop, new SocketChardevOptions { Tcp = TcpAddress.TryMake("127.0.0.1", 0, null, null), Server = true })),
            _ => bench.Keep(new SocketChardev("c", loop, new SocketChardevOptions { Tcp = TcpAddress.TryMake("127.0.0.1", 1, null, null), Reconnect = TimeSpan.FromHours(1) })),
        };
    }
}
