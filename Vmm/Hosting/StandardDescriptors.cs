// Descriptors 0, 1 and 2 are standard input, output and error, whatever is open there. Started with one of them closed, the next descriptor that
// is opened gets its number: guest RAM, or the word that says who owns the guest, and whatever is written to "stderr" goes there. So what is
// closed is /dev/null before anything is opened.
//
// The .NET runtime opens a file of its own before the program's first line (/dev/urandom), keeps its number, and would read from
// /dev/null without end. When that file has got one of the three numbers, the program is started anew in the same process, where all three
// are open from the beginning.

using Vmm.Core.Native;

namespace Vmm.Hosting;

/// <summary>The three descriptors that every process is expected to have.</summary>
internal static class StandardDescriptors
{
    /// <summary>Opens those that are closed. The first thing that the program does.</summary>
    /// <exception cref="PosixException">The host does not let them be opened.</exception>
    internal static void Fill()
    {
        if (ProgramStart.FillStandardDescriptors())
        {
            throw ProgramStart.StartAnew();
        }
    }
}
