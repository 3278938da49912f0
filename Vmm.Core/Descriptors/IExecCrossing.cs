using Vmm.Core.State;

namespace Vmm.Core.Descriptors;

/// <summary>
/// Something of the process, and not of the guest, that continues in the program which replaces this one by exec: same process, descriptors open
/// under their numbers, memory gone. Machine loop only.
/// </summary>
/// <remarks>
/// In the program that is replaced: <see cref="HoldAsync"/>, then in the guest's pause <see cref="Save"/>, then either the exec or
/// <see cref="Continue"/>. In the program that replaces it: <see cref="Restore"/>, and <see cref="Resume"/> when the guest is there; before that,
/// <see cref="Save"/> writes again what was restored, for a program that is gone back to.
/// </remarks>
public interface IExecCrossing
{
    /// <summary>How the name of a descriptor begins that belongs to who takes it from the command line, by its number.</summary>
    const string InheritedPrefix = "inherited/";

    /// <summary>The name under which the record keeps it: "monitors". Unique.</summary>
    string Name { get; }

    /// <summary>
    /// Descriptors that the command line names by number: a program that replaces this one, or is started beside it for its guest, finds them open under that
    /// number. Their names begin with <see cref="InheritedPrefix"/>, and they are among those that <see cref="Save"/> names.
    /// </summary>
    IEnumerable<HandoverDescriptor> Inherited { get; }

    /// <summary>While the guest still runs: nothing new begins from now on, and what runs is waited for.</summary>
    /// <param name="atMost">How long.</param>
    /// <exception cref="Errors.VmmException">It does not come to rest in time. It continues as if nothing had been.</exception>
    Task HoldAsync(TimeSpan atMost);

    /// <summary>
    /// In the pause, after <see cref="HoldAsync"/>: writes everything that continues, and names each descriptor that this takes. Nothing is closed,
    /// nothing waits, and no client can make it fail but by ending the process.
    /// </summary>
    /// <param name="record">Receives the bytes.</param>
    /// <param name="descriptors">Receives the descriptors, which stay the owner's, and whose numbers have to stay what they are.</param>
    /// <exception cref="Errors.VmmException">The process is about to end, and becomes no other program.</exception>
    void Save(StateWriter record, ICollection<HandoverDescriptor> descriptors);

    /// <summary>The program was not replaced after all: everything continues as if nothing had been. Without effect where nothing is held.</summary>
    void Continue();

    /// <summary>
    /// In the replacing program, before anything of it is served: takes what <see cref="Save"/> wrote. Nothing is sent, received or executed before
    /// <see cref="Resume"/>.
    /// </summary>
    /// <param name="record">The bytes, of this or an earlier program's.</param>
    /// <param name="descriptors">The descriptors by name; what it uses is claimed.</param>
    /// <exception cref="StateException">The bytes are no such record, or a descriptor is missing or another. Nothing was claimed or taken.</exception>
    void Restore(StateReader record, HandedOverDescriptors descriptors);

    /// <summary>The guest is here: what was restored moves again.</summary>
    void Resume();
}
