using System.Text;
using Vmm.Core.Machines;
using Vmm.Core.State;

namespace Vmm.Tests.Unit.Machines;

[Parallelizable(ParallelScope.All)]
public sealed class GlobalStateTests
{
    private const int Size = 4 + 32 + 1 + 1 + 66;

    [TestCase(RunState.Running, "running")]
    [TestCase(RunState.Paused, "paused")]
    [TestCase(RunState.Prelaunch, "prelaunch")]
    public void The_run_state_travels_in_QEMUs_shape(RunState state, string name)
    {
        byte[] bytes = Save(state);
        var loaded = new GlobalState();
        loaded.Load(new StateReader(bytes));

        Assert.Multiple(() =>
        {
            Assert.That(bytes, Has.Length.EqualTo(Size));
            Assert.That(bytes[3], Is.EqualTo(name.Length + 1));
            Assert.That(Encoding.ASCII.GetString(bytes, 4, 32).TrimEnd('\0'), Is.EqualTo(name));
            Assert.That(loaded.State, Is.EqualTo(state));
        });
    }

    [Test]
    public void A_shorter_name_leaves_nothing_of_a_longer_one()
    {
        var state = new GlobalState { State = RunState.Prelaunch };
        state.Save(new StateWriter());
        state.State = RunState.Paused;
        var writer = new StateWriter();
        state.Save(writer);
        Assert.That(Encoding.ASCII.GetString(writer.Written.Slice(4, 32)).TrimEnd('\0'), Is.EqualTo("paused"));
    }

    [TestCase("inmigrate")]
    [TestCase("postmigrate")]
    [TestCase("nonsense")]
    [TestCase("")]
    public void Other_states_do_not_travel(string name)
    {
        byte[] bytes = Save(RunState.Running);
        bytes.AsSpan(4, 32).Clear();
        Encoding.ASCII.GetBytes(name, bytes.AsSpan(4));
        Assert.That(
            () => new GlobalState().Load(new StateReader(bytes)),
            Throws.TypeOf<StateException>().With.Message.EqualTo($"globalstate: running, paused, prelaunch or io-error expected, '{name}' found"));
    }

    [Test]
    public void A_name_without_an_end_is_refused()
    {
        byte[] bytes = Save(RunState.Running);
        bytes.AsSpan(4, 32).Fill((byte)'x');
        Assert.That(() => new GlobalState().Load(new StateReader(bytes)), Throws.TypeOf<StateException>());
    }

    private static byte[] Save(RunState state)
    {
        var writer = new StateWriter();
        new GlobalState { State = state }.Save(writer);
        return writer.Written.ToArray();
    }
}
