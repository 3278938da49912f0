using Vmm.Core.Acpi;

namespace Vmm.Core.Boot;

/// <summary>What a guest gets at its boot.</summary>
public sealed record BootParameters
{
    /// <summary>The kernel's command line.</summary>
    public string CommandLine { get; init; } = "";

    /// <summary>The platform that the ACPI tables describe; null for a machine without them.</summary>
    public AcpiPlatform? Acpi { get; init; }
}
