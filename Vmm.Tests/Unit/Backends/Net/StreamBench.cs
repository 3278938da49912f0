using Vmm.Core.Backends.Net;
using Vmm.Core.Descriptors;
using Vmm.Core.Loop;
using Vmm.Core.Native;
using Vmm.Core.State;
using Vmm.Tests.Unit.Descriptors;
using Vmm.Tests.Unit.Machines;

namespace Vmm.Tests.Unit.Backends.Net;

/// <summary>A loop for back ends, a log and a scratch directory; ends what was made with it.</summary>
internal sealed class StreamBench : IDisposable
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(30);

    private readonly List<IDisposable> _owned = [];

    internal StreamBench()
    {
        Directory = System.IO.Directory.CreateTempSubdirectory("vmm-net-").FullName;
        Loop = new EventLoop("test-io");
        Loop.Start();
    }

    internal string Directory { get; }

    internal EventLoop Loop { get; }

    internal LogLines Log { get; } = new();

    internal string PathOf(string name) => Path.Combine(Directory, name);

    internal T Keep<T>(T owned)
        where T : IDisposable
    {
        _owned.Add(owned);
        return owned;
    }

    internal void WaitFor(Func<bool> condition, string what) =>
        Assert.That(SpinWait.SpinUntil(condition, Timeout), Is.True, () => $"{what}; logged: {string.Join('\n', Log.Lines)}");

    /// <summary>
    /// Clears the thread's synchronization context: a back end created afterwards raises its events synchronously. NUnit's context posts them to the thread pool,
    /// which may reorder them; the event loop of a machine does not.
    /// </summary>
    internal static void ClearSynchronizationContext() => SynchronizationContext.SetSynchronizationContext(null);

    /// <summary>What a back end hands over, as SCM_RIGHTS does.</summary>
    internal static HandedOverDescriptors Cross(NetBackEnd old) =>
        HandedOver.With([.. old.Export().Select(d => (d.Name, FileDescriptor.Duplicate(d.Handle)))]);

    /// <summary>The guest goes from one process to the next: descriptors, then state, as the machine does it.</summary>
    internal static void HandOver(NetBackEnd old, StreamDevice? oldDevice, NetBackEnd next, Func<StreamDevice>? nextDevice = null)
    {
        using (var crossed = Cross(old))
        {
            next.Adopt(crossed);
        }

        old.Quiesce();
        oldDevice?.Stop();
        var writer = new StateWriter();
        old.State!.Save(writer);
        var device = nextDevice?.Invoke();
        next.State!.Load(new StateReader(writer.WrittenMemory));
        next.State.Apply();
        if (oldDevice is not null && device is not null)
        {
            oldDevice.HandTo(device);
        }

        next.Start();
        device?.Start();
        old.Release();
    }

    public void Dispose()
    {
        for (int i = _owned.Count - 1; i >= 0; i--)
        {
            _owned[i].Dispose();
        }

        Loop.Send(static _ => { }, null);
        Loop.StopAndJoin();
        Loop.Dispose();
        System.IO.Directory.Delete(Directory, recursive: true);
    }
}
