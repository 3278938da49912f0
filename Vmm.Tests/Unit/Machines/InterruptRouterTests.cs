using Vmm.Core.Buses;
using Vmm.Core.Loop;
using Vmm.Core.Machines;

namespace Vmm.Tests.Unit.Machines;

/// <summary>A line that rises raises its interrupt once, now or when it is unmasked.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class InterruptRouterTests : IDisposable
{
    private const int Gsi = 30;

    private static readonly InterruptMessage Message = new(0xfee00000, 0x31);

    private readonly FakeInterrupts _interrupts = new();
    private readonly EventLoop _loop = new("io");
    private readonly LogLines _log = new();
    private readonly InterruptRouter _router;
    private readonly IInterruptLine _line;

    public InterruptRouterTests()
    {
        _loop.Start();
        _router = new InterruptRouter(_interrupts, _loop, _log);
        _line = _router.Line(Gsi);
    }

    public void Dispose()
    {
        _router.Dispose();
        _loop.StopAndJoin();
        _loop.Dispose();
    }

    [Test]
    public void A_line_that_rises_raises_its_interrupt_and_only_then()
    {
        _router.Route([new(Gsi, Message)]);
        Assert.That(_interrupts.WasRaised(Gsi), Is.False);

        _line.Set(true);
        Assert.That(_interrupts.WasRaised(Gsi), Is.True);
        _line.Set(true);
        Assert.That(_interrupts.WasRaised(Gsi), Is.False, "it was high already");
        _line.Set(false);
        Assert.That(_interrupts.WasRaised(Gsi), Is.False);
        _line.Set(true);
        Assert.That(_interrupts.WasRaised(Gsi), Is.True);
    }

    [Test]
    public void A_line_that_rises_while_masked_raises_its_interrupt_when_unmasked()
    {
        _line.Set(true);
        Assert.That(_interrupts.WasRaised(Gsi), Is.False);

        _router.Route([new(Gsi, Message)]);

        Assert.That(_interrupts.WasRaised(Gsi), Is.True);
        _router.Route([new(Gsi, new InterruptMessage(0xfee01000, 0x31))]);
        Assert.That(_interrupts.WasRaised(Gsi), Is.False, "another destination is no unmasking");
    }

    [Test]
    public void A_line_that_has_fallen_again_raises_nothing_when_unmasked()
    {
        _line.Set(true);
        _line.Set(false);

        _router.Route([new(Gsi, Message)]);

        Assert.That(_interrupts.WasRaised(Gsi), Is.False);
    }

    [Test]
    public void A_line_that_is_requested_late_is_routed_as_the_guest_has_said()
    {
        _router.Route([new(40, Message)]);

        _router.Line(40).Set(true);

        Assert.That(_interrupts.WasRaised(40), Is.True);
    }

    [Test]
    public async Task A_route_that_the_host_refuses_is_tried_again_until_it_is_granted()
    {
        _interrupts.Refusal = "KVM_SET_GSI_ROUTING: Cannot allocate memory";
        _line.Set(true);
        _router.Route([new(Gsi, Message)]);
        Assert.That(_interrupts.WasRaised(Gsi), Is.False);
        Assert.That(_log.Lines, Has.One.Contains("the guest's interrupt routes cannot be changed"));

        _interrupts.Refusal = null;

        await RaisedAsync();
        Assert.That(_interrupts.Routes[Gsi], Is.EqualTo(Message));
    }

    [Test]
    public async Task A_rise_that_the_host_refuses_to_signal_is_raised_when_it_does()
    {
        _router.Route([new(Gsi, Message)]);
        _interrupts.FillUp(Gsi);

        _line.Set(true);

        Assert.That(_log.Lines, Has.One.Contains("an interrupt of the guest cannot be raised"));
        Assert.That(_interrupts.WasRaised(Gsi), "the count was at its greatest");
        await RaisedAsync();
        Assert.That(_log.Lines, Has.Count.EqualTo(1));
    }

    [Test]
    public async Task A_rise_that_could_not_be_signalled_is_forgotten_with_its_line()
    {
        _router.Route([new(Gsi, Message), new(Gsi + 1, Message)]);
        var other = _router.Line(Gsi + 1);
        _interrupts.FillUp(Gsi);
        _interrupts.FillUp(Gsi + 1);
        other.Set(true);
        _line.Set(true);

        other.Set(false);

        Assert.That(_interrupts.WasRaised(Gsi) && _interrupts.WasRaised(Gsi + 1), "the counts were at their greatest");
        await RaisedAsync();
        Assert.That(_interrupts.WasRaised(Gsi + 1), Is.False);
    }

    [Test]
    public async Task Of_rises_and_unmaskings_at_once_none_is_lost()
    {
        for (int i = 0; i < 2000; i++)
        {
            _router.Route([new(Gsi, null)]);
            _line.Set(false);
            _ = _interrupts.WasRaised(Gsi);

            await Task.WhenAll(Task.Run(() => _line.Set(true)), Task.Run(() => _router.Route([new(Gsi, Message)])));

            Assert.That(_interrupts.WasRaised(Gsi), Is.True, $"round {i}");
        }
    }

    private async Task RaisedAsync()
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (!_interrupts.WasRaised(Gsi))
        {
            deadline.Token.ThrowIfCancellationRequested();
            await Task.Yield();
        }
    }
}
