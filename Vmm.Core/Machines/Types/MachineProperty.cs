using Vmm.Core.Configuration;
using Vmm.Core.Devices.Model;

namespace Vmm.Core.Machines.Types;

/// <summary>A property of a machine: how -machine spells it, and where a configuration has it.</summary>
/// <param name="Declaration">Its name, its values, its help.</param>
/// <param name="Get">Its value in a configuration; null if it has none.</param>
/// <param name="Set">A configuration with another value.</param>
public sealed record MachineProperty(
    Property Declaration, Func<MachineConfiguration, object?> Get, Func<MachineConfiguration, object, MachineConfiguration> Set);
