using Vmm.Lab.Drivers;
using Vmm.Lab.Hosts;

namespace Vmm.Lab.Demo;

/// <summary>A live update of the demo's guest as a user types it into a shell on the guest's host. The same lines serve for the next one.</summary>
internal static class UpdateByHand
{
    private const string Main = "hand-vm.sock";
    private const string Cpr = "hand-cpr.sock";

    /// <summary>The lines.</summary>
    /// <param name="vmm">The program.</param>
    /// <param name="folder">Where the guest's files and sockets are.</param>
    /// <param name="guest">What every process is started with.</param>
    internal static string[] Lines(string vmm, string folder, ArgumentList guest) =>
    [
        $"cd {Shell.Quote(folder)}",
        $"{vmm} {string.Join(' ', guest.Select(Word))} -incoming unix:{Main} -cpr-uri unix:{Cpr} </dev/null >hand.log 2>&1 &",
        $"until [ -S {Cpr} ]; do sleep 0.1; done",
        Ask(
            $$$"""{"execute":"migrate-set-parameters","arguments":{"mode":"cpr-transfer","cpr-uri":"unix:{{{Cpr}}}"}}""",
            $$$"""{"execute":"migrate","arguments":{"uri":"unix:{{{Main}}}"}}"""),
        $"until {Ask("""{"execute":"query-migrate"}""")} | grep -E '\"(completed|failed)\"'; do sleep 1; done",
        Ask("""{"execute":"query-status"}"""),
    ];

    private static string Word(string word) => word.All(c => char.IsAsciiLetterOrDigit(c) || "-_=,.:/".Contains(c, StringComparison.Ordinal)) ? word : Shell.Quote(word);

    private static string Ask(params string[] commands) =>
        $"printf '%s\\n' {Shell.Quote(["""{"execute":"qmp_capabilities"}""", .. commands])} | socat -t3 - unix-connect:{DemoGuest.QmpSocket}";
}
