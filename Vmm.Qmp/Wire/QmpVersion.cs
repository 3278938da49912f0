namespace Vmm.Qmp.Wire;

/// <summary>What the greeting and <c>query-version</c> report: the level of QEMU's protocol that is spoken, and the program that speaks it.</summary>
/// <param name="Major">QEMU's major version.</param>
/// <param name="Minor">QEMU's minor version.</param>
/// <param name="Micro">QEMU's micro version.</param>
/// <param name="Package">The program's own name and version.</param>
public sealed record QmpVersion(int Major, int Minor, int Micro, string Package)
{
    /// <summary>This program.</summary>
    public static QmpVersion Current { get; } = new(10, 2, 0, $"vmm {typeof(QmpVersion).Assembly.GetName().Version?.ToString(3)}");
}
