using Vmm.Core.State;

namespace Vmm.Tests.Unit.Devices;

/// <summary>Carries a device's state to its successor as a stream would.</summary>
internal static class Handover
{
    internal static T Of<T>(T old, T to)
        where T : IStateful
    {
        var writer = new StateWriter();
        old.Save(writer);
        var reader = new StateReader(writer.Written.ToArray());
        to.Load(reader);
        Assert.That(reader.Remaining, Is.Zero, "all of the state is read");
        to.Apply();
        return to;
    }
}
