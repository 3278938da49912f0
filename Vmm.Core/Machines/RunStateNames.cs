namespace Vmm.Core.Machines;

/// <summary>Run states as QMP and migration streams spell them.</summary>
public static class RunStateNames
{
    private static readonly (RunState State, string Name)[] Names =
    [
        (RunState.Prelaunch, "prelaunch"),
        (RunState.Inmigrate, "inmigrate"),
        (RunState.Running, "running"),
        (RunState.Paused, "paused"),
        (RunState.FinishMigrate, "finish-migrate"),
        (RunState.Postmigrate, "postmigrate"),
        (RunState.Shutdown, "shutdown"),
        (RunState.IoError, "io-error"),
        (RunState.InternalError, "internal-error"),
    ];

    /// <summary>The name of a state.</summary>
    public static string Name(this RunState state) => Array.Find(Names, n => n.State == state).Name;

    /// <summary>The state of a name.</summary>
    /// <returns>False when no state has the name.</returns>
    public static bool TryParse(string name, out RunState state)
    {
        int index = Array.FindIndex(Names, n => n.Name == name);
        state = index < 0 ? default : Names[index].State;
        return index >= 0;
    }
}
