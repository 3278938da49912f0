using Vmm.Core.Errors;

namespace Vmm.CommandLine;

/// <summary>A command line that describes no machine; the message names the option, its value and what was expected.</summary>
internal sealed class CommandLineException(string message) : VmmException(message);
