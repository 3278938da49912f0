namespace Vmm.CommandLine;

/// <summary>What the program is to do.</summary>
internal enum ProgramAction
{
    /// <summary>Run the machine.</summary>
    Run,

    /// <summary>Print the version and exit 0.</summary>
    ShowVersion,

    /// <summary>Print <see cref="CommandLineHelp.Text"/> and exit 0.</summary>
    ShowHelp,

    /// <summary>Print <see cref="ProgramConfiguration.Text"/> and exit 0.</summary>
    ShowText,
}
