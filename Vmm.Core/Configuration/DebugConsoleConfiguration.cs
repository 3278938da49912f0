namespace Vmm.Core.Configuration;

/// <summary>A debug console (isa-debugcon): one port whose bytes go to a chardev.</summary>
/// <param name="ChardevId">The chardev behind it.</param>
/// <param name="IoBase">Its port.</param>
public sealed record DebugConsoleConfiguration(string ChardevId, ushort IoBase = DebugConsoleConfiguration.DefaultIoBase)
{
    /// <summary>The port without iobase=.</summary>
    public const ushort DefaultIoBase = 0xe9;
}
