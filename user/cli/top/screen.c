// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* skbext top on a terminal: puts the lines there and takes keys, by ncurses. */
#include "parts.h"

#ifndef HAVE_NCURSES

int top_screen(struct top *t __attribute__((unused)))
{
	return cli_error("cannot show a screen: skbext was built without ncurses; use top --batch");
}

#else

#include <errno.h>
#include <ncurses.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SHORTEST	0.1
#define LONGEST		3600

static volatile sig_atomic_t interrupted;

static void on_interrupt(int sig __attribute__((unused)))
{
	interrupted = 1;
}

static chtype attributes(enum top_look look)
{
	static const chtype plain[] = { A_NORMAL, A_REVERSE, A_BOLD, A_BOLD };
	static const short pairs[] = { 0, 0, 1, 2 };

	return plain[look] | (has_colors() ? COLOR_PAIR(pairs[look]) : 0);
}

static void put(int row, const struct top_view *v, unsigned int n)
{
	attrset(attributes(v->look[n]));
	mvaddnstr(row, 0, v->line[n], COLS);
	if (v->look[n] == TOP_TITLE)
		hline(' ' | A_REVERSE, COLS);
	attrset(A_NORMAL);
}

/* The head stays, the rest scrolls. */
static void draw(struct top *t, unsigned int *scroll)
{
	const struct top_view *v = &t->view;
	unsigned int body, room;

	top_show(t);
	body = v->nr - v->head;
	room = LINES > (int)v->head ? LINES - v->head : 0;
	if (*scroll + room > body)
		*scroll = body > room ? body - room : 0;
	erase();
	for (unsigned int n = 0; n < v->head && (int)n < LINES; n++)
		put(n, v, n);
	for (unsigned int n = 0; n < room && n + *scroll < body; n++)
		put(v->head + n, v, v->head + *scroll + n);
	refresh();
}

static void toggle_timing(struct top *t)
{
	int err = top_time(t, t->timing < 0);

	t->view.note = err ? "run times cannot be measured: it takes CAP_SYS_ADMIN" : NULL;
}

static void change_interval(struct top *t, double factor)
{
	t->interval *= factor;
	if (t->interval < SHORTEST)
		t->interval = SHORTEST;
	if (t->interval > LONGEST)
		t->interval = LONGEST;
}

static void type_key(struct top_view *v, int key)
{
	size_t len = strlen(v->filter);

	if (key == KEY_BACKSPACE || key == '\b' || key == 0x7f)
		v->filter[len ? len - 1 : 0] = 0;
	else if (key == 0x1b)
		memset(v->filter, 0, sizeof(v->filter));
	else if (key > 0x20 && key < 0x7f && len + 1 < sizeof(v->filter))
		v->filter[len] = key;	/* 0 is behind it, as in all of the rest */
	v->typing = key != 0x1b && key != '\n' && key != '\r' && key != KEY_ENTER;
}

/* Returns false: quit. */
static bool take_key(struct top *t, int key, unsigned int *scroll)
{
	static const char sorts[] = "NRTM";
	const char *sort = key > 0 && key < 0x80 ? strchr(sorts, key) : NULL;

	if (t->view.typing) {
		type_key(&t->view, key);
		return true;
	}
	if (sort)
		t->view.sort = TOP_BY_NAME + (sort - sorts);
	switch (key) {
	case 'q':
		return false;
	case 'h': case '?':
		t->view.help = !t->view.help;
		*scroll = 0;
		break;
	case 'p': case ' ':
		t->view.paused = !t->view.paused;
		break;
	case 's':
		t->view.sort = (t->view.sort + 1) % TOP_SORTS;
		break;
	case '/':
		t->view.typing = true;
		break;
	case 0x1b:
		memset(t->view.filter, 0, sizeof(t->view.filter));
		break;
	case 't':
		toggle_timing(t);
		break;
	case '+': case '-':
		change_interval(t, key == '+' ? 2 : 0.5);
		break;
	case 'j': case KEY_DOWN:
		++*scroll;
		break;
	case 'k': case KEY_UP:
		*scroll -= *scroll > 0;
		break;
	}
	return true;
}

/* Signals come here alone, so that none is lost between two waits. */
static void wait_for(double seconds)
{
	struct pollfd in = { .fd = STDIN_FILENO, .events = POLLIN };
	struct timespec time = { .tv_sec = seconds > 0 ? seconds : 0 };
	sigset_t none;

	if (seconds > 0)
		time.tv_nsec = (seconds - time.tv_sec) * 1e9;
	sigemptyset(&none);
	if (ppoll(&in, 1, &time, &none) > 0 && !(in.revents & POLLIN))
		interrupted = 1;	/* the terminal is gone */
}

static void run(struct top *t)
{
	double next = cli_now() + t->interval;
	unsigned int scroll = 0;
	bool on = true;
	int key;

	while (on && !interrupted) {
		draw(t, &scroll);
		wait_for(t->view.paused ? LONGEST : next - cli_now());
		while (on && (key = getch()) != ERR)
			on = take_key(t, key, &scroll);
		if (next > cli_now() + t->interval)
			next = cli_now() + t->interval;
		if (t->view.paused || cli_now() < next)
			continue;
		top_next(t);
		next = cli_now() + t->interval;
	}
}

static void catch_signals(void)
{
	struct sigaction action = { .sa_handler = on_interrupt };
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGHUP);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
}

int top_screen(struct top *t)
{
	SCREEN *screen;

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return cli_error("cannot show a screen: this is not a terminal; use top --batch");
	catch_signals();
	screen = newterm(NULL, stdout, stdin);
	if (!screen)
		return cli_error("cannot show a screen: TERM names no terminal that is known here; "
				 "set TERM, or use top --batch");
	cbreak();
	noecho();
	curs_set(0);
	nodelay(stdscr, TRUE);
	keypad(stdscr, TRUE);
	set_escdelay(50);
	if (has_colors()) {
		start_color();
		use_default_colors();
		init_pair(1, COLOR_GREEN, -1);
		init_pair(2, COLOR_RED, -1);
	}
	run(t);
	endwin();
	delscreen(screen);
	return CLI_DONE;
}

#endif
