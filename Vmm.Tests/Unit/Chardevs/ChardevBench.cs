using Vmm.Core.Chardevs;
using Vmm.Core.Descriptors;
using Vmm.Core.Loop;
using Vmm.Core.Native;
using Vmm.Core.State;
using Vmm.Tests.Unit.Descriptors;

namespace Vmm.Tests.Unit.Chardevs;

/// <summary>An I/O loop, a front end that keeps what it receives, and a scratch directory.</summary>
internal sealed class ChardevBench : IDisposable
{
    private readonly List<EventLoop> _loops = [];
    private readonly List<Chardev> _chardevs = [];

    internal ChardevBench()
    {
        Directory = System.IO.Directory.CreateTempSubdirectory("vmm-chardev-").FullName;
        Loop = NewLoop();
    }

    internal string Directory { get; }

    internal EventLoop Loop { get; }

    internal string PathOf(string name) => Path.Combine(Directory, name);

    /// <summary>A loop as another process has it.</summary>
    internal EventLoop NewLoop()
    {
        var loop = new EventLoop("test-io");
        loop.Start();
        _loops.Add(loop);
        return loop;
    }

    internal T Keep<T>(T chardev)
        where T : Chardev
    {
        _chardevs.Add(chardev);
        return chardev;
    }

    /// <summary>Hands the guest's line of bytes from one process to the next: descriptors by duplication, as SCM_RIGHTS does, state as bytes.</summary>
    internal static void HandOver(Chardev old, Chardev next, IReadOnlyList<HandoverDescriptor>? exported = null)
    {
        using var crossed = HandedOver.With([.. (exported ?? old.Export()).Select(d => (d.Name, FileDescriptor.Duplicate(d.Handle)))]);
        old.Quiesce();
        var writer = new StateWriter();
        old.Save(writer);
        Assert.That(next.Adopt(crossed), Is.True);
        next.Load(new StateReader(writer.Written.ToArray()));
        old.Release();
        next.Start();
    }

    public void Dispose()
    {
        foreach (var chardev in _chardevs)
        {
            chardev.Dispose();
        }

        foreach (var loop in _loops)
        {
            loop.Send(static _ => { }, null);
            loop.StopAndJoin();
            loop.Dispose();
        }

        System.IO.Directory.Delete(Directory, recursive: true);
    }
}
