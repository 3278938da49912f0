using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Loop;
using Vmm.Core.Native;

namespace Vmm.Tests.Unit.Loop;

/// <summary>Requests of an I/O thread behave the same, whether the kernel carries them out or a few threads do.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
[TestFixture(IoEngine.IoUring)]
[TestFixture(IoEngine.Threads)]
public sealed class IoRequestsTests : IDisposable
{
    private const int Size = 1 << 20;
    private const int BadDescriptor = -9; // EBADF
    private const int BadAddress = -14; // EFAULT
    private const int Invalid = -22; // EINVAL
    private const int Capacity = 4;

    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(30);

    private readonly IoThread _thread = new("io under test");
    private readonly IIoRequests _requests;
    private readonly SafeFileHandle _file = Memfd.Create("a disk", Size);
    private readonly nint _memory = Marshal.AllocHGlobal(Size);

    public IoRequestsTests(IoEngine engine)
    {
        try
        {
            _requests = _thread.CreateRequests(Capacity, engine);
        }
        catch (PosixException e) when (engine == IoEngine.IoUring)
        {
            Skip(e);
            throw;
        }
    }

    public void Dispose()
    {
        Assert.That(_requests.Drain(Timeout), "requests are left");
        _requests.Dispose();
        _thread.Dispose();
        _file.Dispose();
        Marshal.FreeHGlobal(_memory);
    }

    [Test]
    public void What_was_written_from_several_buffers_is_read_into_others()
    {
        byte[] data = [.. Enumerable.Range(0, 10_000).Select(i => (byte)(i * 7))];
        Marshal.Copy(data, 0, _memory, data.Length);

        Assert.That(Do(IoOperation.Write, 4096, (0, 1_000), (1_000, 9_000)), Is.EqualTo(10_000));
        Assert.That(Do(IoOperation.Flush, 0), Is.Zero);
        Assert.That(Do(IoOperation.Read, 4096, (500_000, 7_777), (600_000, 2_223)), Is.EqualTo(10_000));

        Assert.That(Bytes(500_000, 7_777).Concat(Bytes(600_000, 2_223)), Is.EqualTo(data));
    }

    [Test]
    public void A_read_at_the_end_of_the_file_is_short_and_beyond_it_empty()
    {
        Assert.That(Do(IoOperation.Read, Size - 100, (0, 4096)), Is.EqualTo(100));
        Assert.That(Do(IoOperation.Read, Size + 100, (0, 4096)), Is.Zero);
    }

    [Test]
    public void Memory_that_is_not_there_is_a_result_and_no_signal()
    {
        nint nowhere = Mapping.ReserveAddresses(4096);
        Assert.That(Do(IoOperation.Read, 0, (nowhere - _memory, 4096)), Is.EqualTo(BadAddress));
        Assert.That(Do(IoOperation.Write, 0, (nowhere - _memory, 4096)), Is.EqualTo(BadAddress));
        Assert.That(Do(IoOperation.Read, 0, (0, 4096)), Is.EqualTo(4096), "the next one works");
        Mapping.Unmap(nowhere, 4096);
    }

    [Test]
    public void A_file_that_may_not_be_written_and_a_negative_offset_are_results()
    {
        using var readOnly = HostFile.OpenToRead("/dev/null");

        Assert.That(Do(readOnly, IoOperation.Write, 0, 0, (0, 4096)), Is.EqualTo(BadDescriptor));
        Assert.That(Do(IoOperation.Discard, -4096, 4096), Is.EqualTo(Invalid));
    }

    [Test]
    public void A_discarded_or_zeroed_range_reads_as_zeros_and_the_rest_stays()
    {
        Marshal.Copy(Enumerable.Repeat((byte)0xaa, 3 * 4096).ToArray(), 0, _memory, 3 * 4096);
        Assert.That(Do(IoOperation.Write, 0, (0, 3 * 4096)), Is.EqualTo(3 * 4096));

        Assert.That(Do(_file, IoOperation.Discard, 4096, 4096), Is.Zero);

        Assert.That(Do(IoOperation.Read, 0, (0, 3 * 4096)), Is.EqualTo(3 * 4096));
        Assert.That(Bytes(0, 4096), Is.All.EqualTo(0xaa));
        Assert.That(Bytes(4096, 4096), Is.All.Zero);
        Assert.That(Bytes(8192, 4096), Is.All.EqualTo(0xaa));
    }

    [Test]
    public void A_full_queue_takes_no_more_until_one_is_complete()
    {
        const int Total = 500;
        using var over = new ManualResetEventSlim();
        int submitted = 0;
        int refused = 0;
        int completed = 0;
        int most = 0;
        var free = new Stack<IoRequest>();

        void SubmitWhatFits()
        {
            while (submitted < Total)
            {
                if (!free.TryPeek(out var request))
                {
                    return;
                }

                request.Clear();
                request.TryAddBuffer(_memory, 4096);
                if (!_requests.TrySubmit(request, IoOperation.Read, _file, 0))
                {
                    refused++;
                    return;
                }

                free.Pop();
                submitted++;
                most = Math.Max(most, _requests.InFlight);
            }
        }

        for (int i = 0; i < Capacity + 3; i++)
        {
            free.Push(new IoRequest(1, request =>
            {
                Assert.That(request.Result, Is.EqualTo(4096));
                free.Push(request);
                if (++completed == Total)
                {
                    over.Set();
                }

                SubmitWhatFits();
            }));
        }

        OnThread(SubmitWhatFits);

        Assert.That(over.Wait(Timeout));
        Assert.That((most, refused > 0), Is.EqualTo((Capacity, true)));
    }

    [Test]
    public void Requests_allocate_nothing()
    {
        const int Warm = 2_000;
        const int Total = 10_000;
        using var over = new ManualResetEventSlim();
        int completed = 0;
        long before = 0;
        long allocated = -1;
        var request = new IoRequest(1, again =>
        {
            completed++;
            if (completed == Warm)
            {
                before = GC.GetAllocatedBytesForCurrentThread();
            }
            else if (completed == Total)
            {
                allocated = GC.GetAllocatedBytesForCurrentThread() - before;
                over.Set();
                return;
            }

            _requests.TrySubmit(again, completed % 2 == 0 ? IoOperation.Read : IoOperation.Write, _file, 0);
        });
        request.TryAddBuffer(_memory, 4096);

        OnThread(() => _requests.TrySubmit(request, IoOperation.Read, _file, 0));

        Assert.That(over.Wait(Timeout));
        Assert.That(allocated, Is.Zero);
    }

    [Test]
    public void Draining_waits_for_what_is_in_flight_up_to_its_limit()
    {
        using var completed = new ManualResetEventSlim();
        using var busy = new BusyThread(_thread, () => Submit(new IoRequest(1, _ => completed.Set())));

        Assert.That(_requests.Drain(TimeSpan.FromMilliseconds(50)), Is.False);
        Assert.That(completed.IsSet, Is.False);
        busy.Release();

        Assert.That(_requests.Drain(Timeout));
        Assert.That(completed.IsSet);
    }

    [Test]
    public void What_is_disposed_with_a_request_in_flight_makes_no_callback()
    {
        bool isCalled = false;
        var request = new IoRequest(1, _ => isCalled = true);
        using var busy = new BusyThread(_thread, () => Submit(request));

        _requests.Dispose();
        Assert.That(_requests.Drain(TimeSpan.Zero), Is.False);
        busy.Release();

        Assert.That(_requests.Drain(Timeout));
        Assert.That((isCalled, request.Result, request.IsInFlight), Is.EqualTo((false, 0, false)));
    }

    [Test]
    public void An_exception_of_a_completion_is_reported_and_the_next_request_works()
    {
        using var reported = new ManualResetEventSlim();
        _thread.UnhandledException = _ => reported.Set();
        var request = new IoRequest(1, _ => throw new InvalidOperationException("a defect"));

        OnThread(() => _requests.TrySubmit(request, IoOperation.Flush, _file, 0));

        Assert.That(reported.Wait(Timeout));
        Assert.That(Do(IoOperation.Flush, 0), Is.Zero);
    }

    [Test]
    public void A_request_in_flight_is_not_touched_and_other_threads_submit_none()
    {
        var request = new IoRequest(1, _ => { });
        OnThread(() =>
        {
            _requests.TrySubmit(request, IoOperation.Flush, _file, 0);
            Assert.That(request.Clear, Throws.InvalidOperationException);
            Assert.That(() => request.TryAddBuffer(_memory, 1), Throws.InvalidOperationException);
            Assert.That(() => _requests.TrySubmit(request, IoOperation.Flush, _file, 0), Throws.InvalidOperationException);
            Assert.That(() => _requests.Drain(Timeout), Throws.InvalidOperationException);
        });

        Assert.That(() => _requests.TrySubmit(new IoRequest(1, _ => { }), IoOperation.Flush, _file, 0), Throws.InvalidOperationException);
    }

    [TestCase(0)]
    [TestCase(3)]
    [TestCase(8192)]
    public void A_capacity_that_is_no_power_of_two_or_too_great_is_refused(int capacity) =>
        Assert.That(() => _thread.CreateRequests(capacity, _requests.Engine), Throws.TypeOf<ArgumentOutOfRangeException>());

    private static void Skip(PosixException refusal)
    {
        string loud = $"SKIPPED: this host grants no io_uring: {refusal.Message}";
        TestContext.Progress.WriteLine(loud);
        Assert.Ignore(loud);
    }

    private byte[] Bytes(int offset, int length)
    {
        var bytes = new byte[length];
        Marshal.Copy(_memory + offset, bytes, 0, length);
        return bytes;
    }

    private int Do(IoOperation operation, long offset, params (nint Offset, int Length)[] buffers) => Do(_file, operation, offset, 0, buffers);

    private int Do(IoOperation operation, long offset, long length) => Do(_file, operation, offset, length);

    /// <summary>Carries a request out and waits for its result.</summary>
    private int Do(SafeHandle file, IoOperation operation, long offset, long length, params (nint Offset, int Length)[] buffers)
    {
        using var completed = new ManualResetEventSlim();
        var request = new IoRequest(8, _ => completed.Set());
        foreach (var (at, size) in buffers)
        {
            Assert.That(request.TryAddBuffer(_memory + at, (nuint)size));
        }

        OnThread(() => Assert.That(_requests.TrySubmit(request, operation, file, offset, length)));
        Assert.That(completed.Wait(Timeout));
        return request.Result;
    }

    private void Submit(IoRequest request) => Assert.That(_requests.TrySubmit(request, IoOperation.Flush, _file, 0));

    /// <summary>Does something on the I/O thread and waits for it.</summary>
    private void OnThread(Action action)
    {
        Exception? failure = null;
        using var done = new ManualResetEventSlim();
        using var timer = _thread.CreateTimer(() =>
        {
            try
            {
                action();
            }
            catch (Exception e)
            {
                failure = e;
            }

            done.Set();
        });
        timer.Arm(TimeSpan.Zero);
        Assert.That(done.Wait(Timeout));
        Assert.That(failure, Is.Null);
    }

    /// <summary>Keeps the I/O thread in a callback, so that nothing is completed.</summary>
    private sealed class BusyThread : IDisposable
    {
        private readonly ManualResetEventSlim _entered = new();
        private readonly ManualResetEventSlim _release = new();
        private readonly IIoTimer _timer;

        internal BusyThread(IoThread thread, Action first)
        {
            _timer = thread.CreateTimer(() =>
            {
                first();
                _entered.Set();
                _release.Wait();
            });
            _timer.Arm(TimeSpan.Zero);
            Assert.That(_entered.Wait(Timeout));
        }

        internal void Release() => _release.Set();

        public void Dispose()
        {
            Release();
            _timer.Dispose();
            _entered.Dispose();
            _release.Dispose();
        }
    }
}
