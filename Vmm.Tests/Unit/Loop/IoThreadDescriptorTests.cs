using System.Collections.Concurrent;
using System.Globalization;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Loop;
using Vmm.Core.Native;

namespace Vmm.Tests.Unit.Loop;

/// <summary>A source for a descriptor that is no eventfd: a frame that comes, room that comes back.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class IoThreadDescriptorTests : IDisposable
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(30);

    private readonly IoThread _thread = new("io under test");
    private readonly SafeFileHandle _here;
    private readonly SafeFileHandle _there;
    private readonly BlockingCollection<int> _called = [];
    private readonly IIoSource _source;

    public IoThreadDescriptorTests()
    {
        (_here, _there) = FrameSocket.CreatePair();
        _source = _thread.AddDescriptor(_here, () => _called.Add(0));
    }

    public void Dispose()
    {
        _source.Dispose();
        _thread.Dispose();
        _here.Dispose();
        _there.Dispose();
        _called.Dispose();
    }

    [Test]
    public void What_comes_calls_back_and_is_left_to_be_read()
    {
        Start();
        FrameSocket.Send(_there, [1, 2, 3]);

        Next();
        Assert.That(FrameSocket.Receive(_here), Is.EqualTo(new byte[] { 1, 2, 3 }));
    }

    [Test]
    public void What_is_left_unread_does_not_call_back_again()
    {
        Start();
        FrameSocket.Send(_there, [1]);
        Next();

        _thread.Turn();
        _thread.Turn();

        Assert.That(_called, Is.Empty);
    }

    [Test]
    public void Room_that_comes_back_calls_back()
    {
        Start();
        int sent = 0;
        while (FrameSocket.TrySend(_here, new byte[1000]))
        {
            sent++;
        }

        _thread.Turn();
        Drain();
        for (int i = 0; i < sent; i++)
        {
            FrameSocket.Receive(_there);
        }

        Next();
        Assert.That(FrameSocket.TrySend(_here, [1]), Is.True);
    }

    [Test]
    public void A_stopped_descriptor_calls_nobody_back_and_Start_finds_what_came()
    {
        Start();
        _source.Stop();
        FrameSocket.Send(_there, [1]);
        _thread.Turn();
        Assert.That(_called, Is.Empty);

        _source.Start();
        Next();
    }

    [Test]
    public void What_comes_before_the_first_start_wakes_nobody_and_is_found_then()
    {
        Assert.That(Watched(), Is.EqualTo(FdEvents.None));
        FrameSocket.Send(_there, [1]);
        _source.Start();
        Next();
        Assert.That(Watched(), Is.EqualTo(FdEvents.In | FdEvents.Out));
    }

    [Test]
    public void A_descriptor_that_the_host_does_not_watch_further_is_polled() => OwnThread.Run(() =>
    {
        const uint EpollControl = 233;
        const uint Modify = 3;
        const uint NoMemory = 12;
        using var refused = new BlockingCollection<Exception>();
        _thread.HostRefused = refused.Add;
        SeccompFilter.Refuse(EpollControl, 1, Modify, NoMemory);
        Start();
        FrameSocket.Send(_there, [1]);
        Next();
        Assert.That(refused.TryTake(out var refusal, Timeout), Is.True);
        Assert.That(refusal, Is.TypeOf<PosixException>());
    });

    [Test]
    public void A_regular_file_is_refused()
    {
        using var file = File.OpenHandle(Path.Combine(TestContext.CurrentContext.WorkDirectory, $"{Guid.NewGuid():N}"), FileMode.CreateNew, FileAccess.ReadWrite, options: FileOptions.DeleteOnClose);
        Assert.That(() => _thread.AddDescriptor(file, () => { }), Throws.ArgumentException);
    }

    /// <summary>What the kernel watches the descriptor for, beside errors.</summary>
    private FdEvents Watched()
    {
        const string Socket = "socket:[";
        string link = new FileInfo($"/proc/self/fd/{_here.DangerousGetHandle()}").LinkTarget!;
        string inode = $"ino:{long.Parse(link.AsSpan()[Socket.Length..^1], CultureInfo.InvariantCulture):x} ";
        string line = Directory.EnumerateFiles("/proc/self/fdinfo").SelectMany(LinesOf).Single(line => line.StartsWith("tfd:", StringComparison.Ordinal) && line.Contains(inode, StringComparison.Ordinal));
        string events = line.Split("events:")[1].TrimStart().Split(' ')[0];
        return (FdEvents)int.Parse(events, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture) & (FdEvents.In | FdEvents.Out);
    }

    private static string[] LinesOf(string path)
    {
        try
        {
            return File.ReadAllLines(path);
        }
        catch (IOException)
        {
            // Closed by another test meanwhile.
            return [];
        }
    }

    private void Start()
    {
        _source.Start();
        Next();
        _thread.Turn();
        Drain();
    }

    private void Next() => Assert.That(_called.TryTake(out _, Timeout), Is.True, "called back");

    private void Drain()
    {
        while (_called.TryTake(out _))
        {
        }
    }
}
