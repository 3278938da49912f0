namespace Vmm.Core.Machines;

/// <summary>A guest that is stopped to be handed over. Ends in exactly one of <see cref="Resume"/> and <see cref="Finish"/>.</summary>
public sealed class HandoverPause
{
    private readonly Machine _machine;
    private readonly IDisposable _pass;
    private bool _told;
    private bool _over;

    internal HandoverPause(Machine machine, Board board, RunState before, IDisposable pass)
    {
        _machine = machine;
        _pass = pass;
        Board = board;
        Before = before;
        Begin = Instant.Now;
    }

    /// <summary>The hardware, stopped, its vCPUs' state captured.</summary>
    public Board Board { get; }

    /// <summary>What the machine was doing.</summary>
    public RunState Before { get; }

    /// <summary>When stopping was decided; an <see cref="Instant"/>.</summary>
    public ulong Begin { get; }

    /// <summary>When the back ends were quiet.</summary>
    public ulong Quiet { get; internal set; }

    /// <summary>When every vCPU was out of the guest.</summary>
    public ulong Stopped { get; internal set; }

    internal DateTimeOffset StoppedAt { get; set; }

    /// <summary>Tells that the guest stopped, if it ran and nobody was told. Kept for after the hurry.</summary>
    public void TellStopped()
    {
        if (!_told && Before == RunState.Running)
        {
            _told = true;
            _machine.TellStopped(StoppedAt);
        }
    }

    /// <summary>The guest stays and goes on as before.</summary>
    /// <param name="tellFailure">Called between the news that the guest stopped and the news that it runs.</param>
    public void Resume(Action? tellFailure)
    {
        if (!_over)
        {
            _over = true;
            _machine.ResumeAfterHandover(this, tellFailure);
            _pass.Dispose();
        }
    }

    /// <summary>The guest is gone.</summary>
    /// <param name="departure">Tells where to, and what has become of it since, in a sentence for whoever asks for it later.</param>
    /// <param name="wasTaken">Tells of a carried descriptor's name whether the new process took it over.</param>
    public void Finish(Func<string> departure, Func<string, bool> wasTaken)
    {
        if (!_over)
        {
            _over = true;
            TellStopped();
            _machine.FinishHandover(this, departure, wasTaken);
            _pass.Dispose();
        }
    }
}
