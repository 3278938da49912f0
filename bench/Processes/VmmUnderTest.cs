namespace Vmm.Bench.Processes;

/// <summary>How the program under test is started.</summary>
internal static class VmmUnderTest
{
    internal const string Program = "out/vmm";

    /// <summary>The smallest machine that can be updated, with a tiny guest.</summary>
    internal static string[] Arguments(string guest, int mebibytes) =>
        ["-m", $"{mebibytes}", "-machine", "aux-ram-share=on", "-kernel", $"out/guests/{guest}.elf", "-nodefaults"];
}
